"""What animals look like in pictures: annotated data sets, their keypoints, masks and measures."""
