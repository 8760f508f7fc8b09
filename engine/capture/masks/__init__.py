"""Masks of people in pictures, and the files that they are kept in."""
