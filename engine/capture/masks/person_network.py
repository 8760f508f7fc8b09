"""MediaPipe's pose network as a finder of masks: it is shown the person, it does not look for one.

Its own search finds one person of a picture. Told where each of several stands, it gives a mask of
each; where two cross it was right far more often than on a picture cut to the person's box.
"""

from __future__ import annotations

import atexit
import functools
from importlib.util import find_spec

import numpy as np

from ..detect import quiet

_GRAPH = """
input_stream: "image"
input_stream: "place"
input_side_packet: "model_complexity"
input_side_packet: "enable_segmentation"
output_stream: "mask"
node {
  calculator: "PoseLandmarkByRoiCpu"
  input_side_packet: "MODEL_COMPLEXITY:model_complexity"
  input_side_packet: "ENABLE_SEGMENTATION:enable_segmentation"
  input_stream: "IMAGE:image"
  input_stream: "ROI:place"
  output_stream: "SEGMENTATION_MASK:mask"
}
"""


def installed() -> bool:
    """Whether MediaPipe is there."""
    return find_spec("mediapipe") is not None


def person_likelihood(
    picture: np.ndarray, centre: tuple[float, float], side: float
) -> np.ndarray | None:
    """(H, W) float32, 0..1: how likely each pixel of `picture` (H, W, 3) uint8 RGB is the person.

    The person stands in the square of `side` px round `centre`, which may reach beyond the
    picture; zero outside of it. None where the network sees nobody there.
    """
    height, width = picture.shape[:2]
    with quiet():
        from mediapipe.framework.formats.rect_pb2 import NormalizedRect

        place = NormalizedRect(
            x_center=centre[0] / width,
            y_center=centre[1] / height,
            width=side / width,
            height=side / height,
            rotation=0.0,
        )
        image = np.ascontiguousarray(picture)
        mask = _network().process({"image": image, "place": place}).mask  # type: ignore[attr-defined]
    return None if mask is None else np.array(mask, np.float32)


@functools.cache
def _network() -> object:
    """Loaded once; it takes longer to load than to run."""
    from google.protobuf import text_format
    from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
    from mediapipe.python.solution_base import PacketDataType, SolutionBase

    network = SolutionBase(
        graph_config=text_format.Parse(_GRAPH, CalculatorGraphConfig()),
        side_inputs={"model_complexity": 1, "enable_segmentation": True},
        outputs=["mask"],
        stream_type_hints={"place": PacketDataType.PROTO},
    )
    atexit.register(network.close)
    return network
