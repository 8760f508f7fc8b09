"""Blender's side of Layfigure. Everything in here may import bpy and nothing in here imports torch."""
