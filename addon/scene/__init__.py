"""The only place that builds Blender data. Plain functions; operators and scripts call them."""
