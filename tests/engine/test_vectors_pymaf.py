"""PyMAF's network, by itself and with mask points, gives the numbers of the original."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from layfigure.engine.bodies.model import Body
from layfigure.engine.geometry.rotations import matrix_to_axis_angle
from layfigure.engine.regression.pymaf.body_joints import BodyJoints
from layfigure.engine.regression.pymaf.camera import project
from layfigure.engine.regression.pymaf.estimate import Estimate
from layfigure.engine.regression.pymaf.joints import joints_14
from layfigure.engine.regression.pymaf.network import Dense, PymafNetwork
from pymaf_vectors import assert_same, body, inputs, needed, network, side, stored

pytestmark = needed
EVERY = set()


@dataclass
class Run:
    """What the network says of the pictures, and the features that it looked at."""

    pyramid: list[Tensor]
    stages: list[Estimate]
    features: list[Tensor]
    dense: Dense


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Body:
    return Body(body(tmp_path_factory.mktemp("smpl")))


def run(loaded: PymafNetwork, smpl: Body, points: Tensor | None = None) -> Run:
    with torch.inference_mode():
        pyramid = loaded.pyramid(inputs("pymaf")["img"])
        stages = loaded.regress(pyramid, loaded.seen_body(smpl.data), points)
        looks = zip(pyramid[1:], loaded.maf_extractor, stages[1:], strict=True)
        features = [look(level, stage.points) for level, look, stage in looks]
        return Run(pyramid, stages, features, loaded.dp_head(pyramid[-1]))


@pytest.fixture(scope="module")
def plain(smpl: Body, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(network(tmp_path_factory.mktemp("pymaf"), "pymaf"), smpl)


@pytest.fixture(scope="module")
def masked(smpl: Body, tmp_path_factory: pytest.TempPathFactory) -> Run:
    row = int(stored("pymaf")["masked.first_row"])
    EVERY.add("masked.first_row")
    points = side()["mask_points"][row : row + 2]
    return run(network(tmp_path_factory.mktemp("pymafsam"), "pymafsam"), smpl, points)


@pytest.fixture(scope="module", autouse=True)
def all_were_compared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    whole = sum("test_vectors_pymaf.py" in str(item.path) for item in request.session.items)
    if request.session.testsfailed == 0 and whole == 11:
        assert {name.split("#")[0] for name in stored("pymaf")} == EVERY


def check(name: str, found: Tensor) -> None:
    EVERY.add(name)
    assert_same("pymaf", name, found)


def test_pyramid(plain: Run) -> None:
    names = ("s_feat", "pyramid_0", "pyramid_1", "pyramid_2")
    for name, level in zip(names, plain.pyramid, strict=True):
        check(name, level)


def test_dense(plain: Run) -> None:
    check("iuv.predict_u", plain.dense.u)
    check("iuv.predict_v", plain.dense.v)
    check("iuv.predict_uv_index", plain.dense.index)
    check("iuv.predict_ann_index", plain.dense.part)


def test_points_and_their_features(plain: Run, masked: Run) -> None:
    for stage, features in enumerate(plain.features):
        check(f"sample_points_{stage}", plain.stages[stage + 1].points)
        check(f"ref_feature_{stage}", features)
    check("masked.sample_points_0", masked.stages[1].points)
    check("masked.ref_feature_0", masked.features[0])


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("case", ["", "masked."])
def test_stages(plain: Run, masked: Run, smpl: Body, case: str, stage: int) -> None:
    said = (masked if case else plain).stages[stage]
    name = f"{case}stage{stage}"
    vertices, joints = smpl.turned(said.betas, said.rotations)
    turned = matrix_to_axis_angle(said.rotations).flatten(1)
    known = BodyJoints(smpl.data, side()["J_regressor_extra"])
    every = known(vertices[:, known.rows], joints)
    check(f"{name}.verts", vertices)
    check(f"{name}.kp_2d", project(every, said.camera))
    check(f"{name}.theta", torch.cat([said.camera, said.betas, turned], dim=1))
    if not case:
        check(f"{name}.pred_pose", said.pose)
        check(f"{name}.kp_3d", every)
        check(f"{name}.smpl_kp_3d", joints)
        check(f"{name}.kp_3d_h36m14", joints_14(vertices, side()["J_regressor_h36m"]))
