"""Where the joints of a body are in a motion."""

from __future__ import annotations

import numpy as np
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.motion import Motion


def joints_of(motion: Motion, body: BodyData) -> np.ndarray:
    """(T, J, 3) metres, float64, of the mean shape."""
    model = Body(body, torch.float64).keypoint_body(())
    poses = torch.from_numpy(motion.pose_vectors.astype(np.float64))
    trans = torch.from_numpy(motion.trans.astype(np.float64))
    return model(torch.zeros(1, 1, dtype=torch.float64), poses, trans)[1].numpy()
