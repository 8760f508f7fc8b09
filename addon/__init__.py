"""Blender's side of Layfigure: everything in here may import bpy, nothing imports torch."""
