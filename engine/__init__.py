"""The engine: pixels, scans and keypoints to bodies and avatars. Never imports bpy."""
