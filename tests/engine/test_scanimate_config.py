"""The original's YAML: merging, what has no effect, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from layfigure.engine.avatars.scanimate.config import PaperConfig, load_config
from layfigure.engine.formats.errors import InputError

EXAMPLE = """
data: {data_dir: data/minimal, sigma_body: 0.05, train_ratio: 1.0}
experiment: {name: example, vol_res: 256}
training: {batch_size: 4, num_epoch_sdf: 2000, num_threads: 8, lr_sdf: 0.004}
model:
  posemap_type: both
  igr_net: {n_bound: 500, mlp: {ch_dim: [3, 512, 512, 512, 343, 512, 512, 1], res_layers: [4],
    nlactiv: softplus, norm: weight, last_op: null}}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_example_is_the_default(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "example.yaml", EXAMPLE))
    assert config.training.num_epoch_sdf == 2000 and not config.notes
    assert config.model == PaperConfig().model and config.data == PaperConfig().data
    assert load_config(write(tmp_path / "empty.yaml", "")) == PaperConfig()


def test_files_inherit_from_each_other(tmp_path: Path) -> None:
    write(tmp_path / "configs" / "base.yaml", EXAMPLE)
    write(
        tmp_path / "configs" / "middle.yaml",
        "inherit_from: configs/base.yaml\ntraining: {batch_size: 2, num_epoch_pt1: 7}\n",
    )
    top = "inherit_from: middle.yaml\ntraining: {num_epoch_pt1: 9}\nmodel: {n_traverse: 3}\n"
    config = load_config(write(tmp_path / "configs" / "top.yaml", top))
    training = config.training
    assert (training.batch_size, training.num_epoch_pt1, training.num_epoch_sdf) == (2, 9, 2000)
    assert config.model.n_traverse == 3


def test_keys_without_effect_are_named(tmp_path: Path) -> None:
    text = "model: {sdf_net: {d_size: 8}, fwd_skin_net: {lambda_smple: 3}}\ntrianing: {lr_sdf: 1}\n"
    (note,) = load_config(write(tmp_path / "c.yaml", text)).notes
    for name in ("model.sdf_net", "model.fwd_skin_net.lambda_smple", "trianing"):
        assert name in note


def test_weights_reach_the_losses(tmp_path: Path) -> None:
    text = "model: {fwd_skin_net: {lambda_smpl: 3, lambda_cyc_scan: 0.5}, igr_net: {lambda_reg: 2}}"
    config = load_config(write(tmp_path / "c.yaml", text))
    skin = config.skin_weights
    assert (skin.body, skin.body_posed, skin.with_cycles(10).cycle) == (3, 10, 5)
    assert config.sdf_weights.eikonal == 2
    assert config.sampled(0.1).data.num_sample_surf == 800
    assert config.sampled(0.1).sdf_weights.bound == 50


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {batch_size: many}", "training.batch_size is 'many'"),
        ("training: {batch_size: 0}", "training.batch_size"),
        ("model: {igr_net: {mlp: {nlactiv: sin}}}", "model.igr_net.mlp.nlactiv is 'sin'"),
        ("model: {posemap_type: some}", "posemap_type"),
        ("data: [1, 2]", "data is"),
        ("- a list", "not a configuration"),
        ("a: {b", "not YAML"),
        ("inherit_from: none.yaml", "none.yaml, which does not exist"),
        ("inherit_from: c.yaml", "inherits from itself"),
    ],
)
def test_what_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "c.yaml", text)
    with pytest.raises(InputError, match=message) as caught:
        load_config(path)
    assert "c.yaml" in caught.value.message and caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path / "c.yaml")
