"""Pictures of people made from the shipped body, with the whole truth, to train on.

Nothing is photographed: poses, shapes, clothes, places, light and cameras are drawn from a seed.
The world is y-up with metres; cameras are OpenCV's (x right, y down, z forward).
"""
