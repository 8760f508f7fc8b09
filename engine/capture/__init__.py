"""Pixels to evidence: frames, keypoints, who is who, and the overlay that shows the fit."""
