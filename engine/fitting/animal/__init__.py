"""Animals, and any rigged mesh, fitted to the keypoints and silhouettes of a clip."""
