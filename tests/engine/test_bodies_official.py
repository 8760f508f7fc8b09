"""Official model files: the same numbers as the smplx package, and nothing of them is run."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_body_file
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES
from official_files import model, with_objects

smplx = pytest.importorskip("smplx")


@pytest.fixture(scope="module", params=["smpl", "smplh", "smplx"])
def official(request, tmp_path_factory):
    kind = request.param
    path = tmp_path_factory.mktemp(kind) / f"{kind.upper()}_NEUTRAL.npz"
    arrays = model(kind)
    if kind == "smplx":  # as in the real files: dictionaries beside the arrays
        arrays["joint2num"] = np.array({"pelvis": 0}, dtype=object)
    if kind == "smpl":
        path = path.with_suffix(".pkl")
        path.write_bytes(pickle.dumps(arrays))
    else:
        np.savez(path, **arrays)
    return kind, path


def _reference(kind, path):
    options = {"dtype": torch.float64, "num_betas": 10}
    if kind == "smpl":
        return smplx.SMPL(str(path), **options)
    options |= {"use_pca": False, "flat_hand_mean": True, "ext": "npz"}
    made = smplx.SMPLH if kind == "smplh" else smplx.SMPLX
    return made(str(path), **options)


def test_agrees_with_the_smplx_package(official):
    kind, path = official
    body = Body(load_body_file(path), torch.float64)
    joints = len(body.data.parents)
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    betas, pose, transl = draw(1, 10), 0.5 * draw(1, joints, 3), draw(1, 3)
    given = {"betas": betas, "global_orient": pose[:, 0], "transl": transl}
    expression = None
    if kind == "smpl":
        given["body_pose"] = pose[:, 1:].flatten(1)
    else:
        given["body_pose"] = pose[:, 1:22].flatten(1)
        given["left_hand_pose"] = pose[:, -30:-15].flatten(1)
        given["right_hand_pose"] = pose[:, -15:].flatten(1)
    if kind == "smplx":
        expression = draw(1, 10)
        given |= {"expression": expression, "jaw_pose": pose[:, 22]}
        given |= {"leye_pose": pose[:, 23], "reye_pose": pose[:, 24]}
    expected = _reference(kind, path)(**given)
    vertices, places = body(betas, pose, transl, expression)
    assert (vertices - expected.vertices).abs().max() < 1e-6
    assert (places - expected.joints[:, :joints]).abs().max() < 1e-6

    keypoints = body.keypoint_body()
    points, _ = keypoints(betas, pose, transl, expression)
    table = dict(zip(keypoints.names, points[0], strict=True))
    extra = expected.joints[0, joints:]
    for name, place in zip(
        ("Nose", "REye", "LEye", "REar", "LEar", "LBigToe"), extra, strict=False
    ):
        assert (table[name] - place).abs().max() < 1e-6, name
    if kind == "smplx":  # 21 vertex points, then face 17..67
        for face in range(51):
            assert (table[f"face_{17 + face}"] - extra[21 + face]).abs().max() < 1e-6


def test_keypoint_names(official):
    kind, path = official
    names = load_body_file(path).keypoint_names
    expected = {"smpl": KEYPOINT_NAMES[:25], "smplh": KEYPOINT_NAMES[:67], "smplx": KEYPOINT_NAMES}
    assert names == expected[kind]


def test_chumpy_and_scipy_objects_are_read_without_their_packages(tmp_path, monkeypatch):
    arrays = model("smpl")
    arrays["weights"] = np.asfortranarray(arrays["weights"])
    arrays["v_template"] = arrays["v_template"].astype(">f8")
    objects, modules = with_objects(arrays)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for protocol in (2, 5):
        (tmp_path / f"{protocol}.pkl").write_bytes(pickle.dumps(objects, protocol=protocol))
    monkeypatch.undo()
    for protocol in (2, 5):
        body = load_body_file(tmp_path / f"{protocol}.pkl")
        for name in ("shapedirs", "posedirs", "J_regressor", "weights", "v_template"):
            np.testing.assert_allclose(getattr(body, name), arrays[name], rtol=1e-6, err_msg=name)
        assert "chumpy" not in sys.modules


class _Evil:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_a_pickle_that_runs_code_is_refused_and_did_not_run(tmp_path):
    mark, path = tmp_path / "ran", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(model("smpl") | {"extra": _Evil(mark)}))
    with pytest.raises(InputError, match="io.open.*nothing in it was run"):
        load_body_file(path)
    assert not mark.exists()
    path.write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(mark))
    with pytest.raises(InputError, match="evil.pkl: this pickle asks for os.system"):
        load_body_file(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
        b"cnumpy\nload\n.",
        b"ccopyreg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93.",
        b"Pname\n.",
        b"I1\n.",
        b"\x80\x02",
    ],
)
def test_strange_pickles_end_in_one_sentence(tmp_path, payload):
    path = tmp_path / "strange.pkl"
    path.write_bytes(payload)
    with pytest.raises(InputError):
        load_body_file(path)


def test_npz_that_is_a_pickle(tmp_path):
    path = tmp_path / "SMPL_NEUTRAL.npz"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="SMPL_NEUTRAL.npz"):
        load_body_file(path)
    np.savez(path, **(model("smpl") | {"weights": np.array([{}], dtype=object)}))
    with pytest.raises(InputError, match="pickle"):
        load_body_file(path)


@pytest.mark.parametrize("name", ["v_template", "weights", "J_regressor", "kintree_table"])
def test_missing_array(tmp_path, name):
    arrays = model("smpl")
    del arrays[name]
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(InputError, match=f"less.npz.*{name}"):
        load_body_file(tmp_path / "less.npz")


def test_wrong_shapes_and_values(tmp_path):
    path = tmp_path / "wrong.npz"
    for change in (
        {"weights": np.zeros((5, 24))},
        {"v_template": np.full((6890, 3), np.nan)},
        {"f": np.full((10, 3), 99999)},
        {"shapedirs": np.zeros((6890, 30))},
        {"v_template": np.array(["text"])},
        {"kintree_table": np.zeros((2, 24), dtype=np.int64) + 23},
        {"kintree_table": np.zeros((2, 16), dtype=np.int64)},
    ):
        np.savez(path, **(model("smpl") | change))
        with pytest.raises(InputError, match="wrong.npz"):
            load_body_file(path)


def test_no_such_file_and_not_a_model(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_body_file(tmp_path / "none.pkl")
    (tmp_path / "text.pkl").write_text("hello there\n")
    with pytest.raises(InputError, match="text.pkl"):
        load_body_file(tmp_path / "text.pkl")
    np.savez(tmp_path / "other.npz", poses=np.zeros(3))
    with pytest.raises(InputError, match="v_template"):
        load_body_file(tmp_path / "other.npz")
