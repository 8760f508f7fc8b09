"""Clips and pictures of the shipped quadruped with the whole truth, to train on and to measure by.

Nothing is photographed: shapes, motions, coats, places, light and cameras are drawn from a seed.
"""
