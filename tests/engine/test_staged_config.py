"""Configurations of SMPLify-X: what its users write is understood, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layfigure.engine.fitting.staged.config import KEYS, StagedConfig, read_config, reading_order
from layfigure.engine.formats.errors import InputError

SMPLX = """
dataset: 'openpose'
joints_to_ign: [1, 9, 12]
gender: 'neutral'
interactive: True
use_cuda: True
data_folder: data
output_folder: 'smplx_debug'
focal_length: 5000.0
rho: 100
visualize: 'False'
model_folder: 'models'
model_type: 'smplx'
float_dtype: 'float64'
prior_folder: 'priors'
num_gaussians: 8
use_vposer: "False"
vposer_ckpt: 'vposer'
body_prior_type: 'l2'
left_hand_prior_type: 'l2'
right_hand_prior_type: None
jaw_prior_type: 'l2'
use_pca: 1
num_pca_comps: 12
flat_hand_mean: False
use_joints_conf: "true"
use_hands: True
use_face: True
data_weights: [1, 1, 1, 1, 1]
body_pose_prior_weights: [4.04e+2, 4.04e+2, 57.4, 4.78, 4.78]
shape_weights: [100.0, 50.0, 10.0, 5.0, 5.0]
expr_weights: [100.0, 50.0, 10.0, 5.0, 5.0]
hand_pose_prior_weights: [4.04e+2, 4.04e+2, 57.4, 4.78, 4.78]
jaw_pose_prior_weights:
    ['4.04e+03,4.04e+04,4.04e+04', '4.04e+03,4.04e+04,4.04e+04', '574,5740,5740', '47.8,478,478',
     '47.8,478,478']
hand_joints_weights: [0.0, 0.0, 0.0, 0.1, 2.0]
face_joints_weights: [0.0, 0.0, 0.0, 0.0, 2.0]
interpenetration: True
penalize_outside: False
df_cone_height: 0.0001
max_collisions: 128
ign_part_pairs: ["9,16", "9,17"]
coll_loss_weights: [0.0, 0.0, 0.0, 0.01, 1.0]
optim_type: 'lbfgsls'
ftol: 1e-9
gtol: 1e-9
lr: 1.0
maxiters: 30
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "fit.yaml"
    path.write_text(text)
    return path


def test_fit_smplx(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, SMPLX))
    assert config.stages == StagedConfig().stages
    assert config.stages[2].bending == pytest.approx(181.958)
    assert (config.focal, config.rho, config.ignored) == (5000, 100, (1, 9, 12))
    assert config.hand_prior == (True, False) and config.jaw_prior
    assert (config.components, config.dtype, config.collisions) == (12, "float64", True)
    assert (config.optimiser, config.iterations, config.ftol) == ("lbfgs", 30, 1e-9)
    assert config.prior == "l2" and config.model_file() is None
    (note,) = config.notes
    for key in ("use_cuda", "interactive", "dataset", "max_collisions", "output_folder"):
        assert key in note
    assert "rho" not in note


def test_fit_smpl_has_four_stages(tmp_path: Path) -> None:
    config = read_config(
        write(
            tmp_path,
            """
model_type: smpl
use_hands: False
use_face: False
body_prior_type: gmm
prior_folder: priors
data_weights: [1, 1, 1, 1]
body_pose_prior_weights: [404, 404, 57.4, 4.78]
shape_weights: [100, 50, 10, 5]
coll_loss_weights: [0, 0, 0.01, 1.0]
""",
        )
    )
    assert [s.pose for s in config.stages] == [404, 404, 57.4, 4.78]
    assert [s.collision for s in config.stages] == [0, 0, 0.01, 1]
    assert not config.hands and not config.face
    assert config.prior.endswith(str(Path("priors") / "gmm_08.pkl"))


def test_every_key_of_the_original_is_known(tmp_path: Path) -> None:
    assert len(KEYS) == 70 and "point2plane" in KEYS and "side_view_thsh" in KEYS


def test_paths_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "vposer").mkdir()
    (tmp_path / "models" / "smplh").mkdir(parents=True)
    text = "use_vposer: true\nvposer_ckpt: vposer\nmodel_type: smplh\ngender: female\n"
    config = read_config(write(tmp_path, text))
    assert config.prior == str(tmp_path / "vposer")
    with pytest.raises(InputError, match="SMPLH_FEMALE"):
        config.model_file()
    file = tmp_path / "models" / "smplh" / "SMPLH_FEMALE.pkl"
    file.write_bytes(b"")
    assert config.model_file() == file


def test_order_of_reading() -> None:
    order = reading_order(StagedConfig(contour=True))
    assert len(order) == 135 and len(set(order)) == 135
    np.testing.assert_array_equal(order[[0, 24, 25, 66, 67, 117, 118, 134]],
                                  [0, 24, 25, 66, 84, 134, 67, 83])  # fmt: skip
    assert len(reading_order(StagedConfig())) == 118


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("body_pose_prior_wieghts: [1]", "body_pose_prior_weights"),
        ("rhoo: 1\nfocal: 2", "focal_length"),
        ("shape_weights: [1, 2]\nexpr_weights: [1, 2, 3]", "shape_weights has 2, expr_weights"),
        ("data_weights: [1, 1]\nshape_weights: [1]", "data_weights has 2"),
        ("shape_weights: []", "empty"),
        ("shape_weights: [1, -2]", "shape_weights"),
        ("shape_weights: [1, x]", "a number"),
        ("jaw_pose_prior_weights: ['1,2']", "three numbers"),
        ("body_prior_type: gaussian", "l2, angle, gmm, none"),
        ("left_hand_prior_type: gmm", "left_hand_prior_type"),
        ("use_vposer: True", "vposer_ckpt"),
        ("focal_length: 0", "focal_length"),
        ("focal_length: -5", "above 0"),
        ("focal_length: .nan", "a number"),
        ("rho: 0", "rho"),
        ("use_hands: maybe", "True or False"),
        ("maxiters: 0", "maxiters"),
        ("maxiters: 2.5", "whole number"),
        ("num_pca_comps: 46", "45"),
        ("optim_type: rmsprop", "lbfgsls, lbfgs or adam"),
        ("optim_type: newton", "newton"),
        ("model_type: flame", "smplx"),
        ("gender: other", "neutral, male, female"),
        ("float_dtype: float16", "float64"),
        ("model_folder: 3", "text"),
        ("a: [", "plain YAML"),
        ("!!python/tuple [1]", "plain YAML"),
        ("", "no `key: value` lines"),
        ("- a\n- b", "no `key: value` lines"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_config(path)
    assert said in str(refused.value) and str(path) in refused.value.message


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_config(tmp_path / "none.yaml")
