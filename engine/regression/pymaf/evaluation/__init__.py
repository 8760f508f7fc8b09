"""How well networks do on published data sets: 3DPW's poses, COCO's keypoints, LSP's outlines."""
