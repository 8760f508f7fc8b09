"""What programs other than Blender find in an exported character.

    python foreign_readers.py character.fbx found.npz FRAMES

Run on their own, because ufbx's Python side ends its process when it lets go of what it lent.
Arrays: joint_names, parents, joints (T, J, 3) and posed (T, V, 3) in metres and the file's axes,
influences, rest (V, 3), key_names, key_values (T, K), texture (bytes), up, unit, fps, length; of
FBX also turns (T, J, 3, 3).
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np


def read_character(path: Path, frames: int) -> dict[str, np.ndarray]:
    """What the reader for `path` finds in its first `frames`."""
    found = path.with_suffix(".npz")
    command = [sys.executable, __file__, str(path), str(found), str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and found.exists(), done.stdout + done.stderr
    return dict(np.load(found, allow_pickle=False))


def read_fbx(path: Path, frames: int) -> dict[str, np.ndarray]:
    """By ufbx, in metres as the file's unit says."""
    import ufbx

    gc.disable()
    lent = []  # never let go

    def keep(thing):
        lent.append(thing)
        return thing

    def kept(things):
        return [keep(thing) for thing in keep(things)]

    scene = keep(ufbx.load_file(str(path), target_unit_meters=1.0))
    anim, settings = keep(scene.anim), keep(scene.settings)
    clusters = kept(kept(scene.skin_deformers)[0].clusters)
    bones = [keep(cluster.bone_node) for cluster in clusters]
    names = [bone.name for bone in bones]
    above = [keep(bone.parent).name for bone in bones]
    rest = np.array(kept(kept(scene.meshes)[0].vertices))
    weights = np.zeros((len(rest), len(bones)))
    for k, cluster in enumerate(clusters):
        weights[kept(cluster.vertices), k] = kept(cluster.weights)
    channels = kept(scene.blend_channels)
    offsets = np.zeros((len(channels), *rest.shape))
    for k, channel in enumerate(channels):
        shape = keep(channel.target_shape)
        offsets[k, kept(shape.offset_vertices)] = np.array(kept(shape.position_offsets))
    to_bone = np.array([_matrix(keep(cluster.geometry_to_bone)) for cluster in clusters])
    joints, posed, values, turns = [], [], [], []
    for k in range(frames):
        time = anim.time_begin + k / settings.frames_per_second
        now = keep(ufbx.evaluate_scene(scene, anim, time))
        nodes = {node.name: node for node in kept(now.nodes)}
        moves = np.array([_matrix(keep(nodes[name].node_to_world)) for name in names])
        values.append([c.weight for c in kept(now.blend_channels)])
        shaped = rest + np.tensordot(values[-1], offsets, 1) if channels else rest
        joints.append(moves[:, :, 3])
        turns.append(moves[:, :, :3])
        posed.append(_skinned(shaped, weights, _chain(moves, to_bone)))
    textures = kept(scene.textures)
    texture = textures[0].content if textures else b""
    return {
        **{"joint_names": names, "parents": [n if n in names else "" for n in above]},
        **{"joints": joints, "turns": turns, "posed": posed, "rest": rest},
        **{"influences": (weights > 0).sum(1).max(initial=0)},
        **{"key_names": [c.name for c in channels], "key_values": values},
        "texture": np.frombuffer(texture, np.uint8),
        "up": "xxyyzz"[int(keep(settings.axes).up)],
        "unit": settings.original_unit_meters,
        "fps": settings.frames_per_second,
        "length": round((anim.time_end - anim.time_begin) * settings.frames_per_second + 1),
    }


def read_gltf(path: Path, frames: int) -> dict[str, np.ndarray]:
    """By pygltflib; skinned here, as the standard says."""
    import pygltflib

    file = pygltflib.GLTF2().load(str(path))
    blob = file.binary_blob()
    dtypes = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
    widths = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

    def part(view: int, offset: int, kind: int, count: int) -> np.ndarray:
        begin = file.bufferViews[view].byteOffset + offset
        return np.frombuffer(blob, dtypes[kind], count, begin)

    def read(number: int) -> np.ndarray:
        accessor = file.accessors[number]
        width = widths[accessor.type]
        if accessor.bufferView is None:
            values = np.zeros((accessor.count, width), dtypes[accessor.componentType])
        else:
            total, begin = accessor.count * width, accessor.byteOffset or 0
            values = part(accessor.bufferView, begin, accessor.componentType, total)
            values = values.reshape(-1, width)
        sparse = accessor.sparse
        if sparse is None:
            return values
        values, where, what = values.copy(), sparse.indices, sparse.values
        rows = part(where.bufferView, where.byteOffset or 0, where.componentType, sparse.count)
        some = part(
            *(what.bufferView, what.byteOffset or 0),
            *(accessor.componentType, sparse.count * width),
        )
        values[rows] = some.reshape(-1, width)
        return values

    skin, animation = file.skins[0], file.animations[0]
    assert len(file.animations) == 1, "one animation"
    mesh_node = next(n for n in file.nodes if n.mesh is not None)
    mesh = file.meshes[mesh_node.mesh]
    first = mesh.primitives[0]
    parent = {child: k for k, node in enumerate(file.nodes) for child in node.children or []}
    curves = {}
    for channel in animation.channels:
        sampler = animation.samplers[channel.sampler]
        key = (channel.target.node, channel.target.path)
        curves[key] = read(sampler.input)[:, 0], read(sampler.output)
    times = max((times for times, _ in curves.values()), key=len)
    rate = (len(times) - 1) / (times[-1] - times[0])

    def value(node: int, kind: str, time: float, default: list[float]) -> np.ndarray:
        if (node, kind) not in curves:
            return np.array(getattr(file.nodes[node], kind) or default, float)
        at, values = curves[node, kind]
        values = values.reshape(len(at), -1)
        return np.array([np.interp(time, at, column) for column in values.T])

    def world(node: int, time: float) -> np.ndarray:
        matrix = np.eye(4)
        x, y, z, w = _unit(value(node, "rotation", time, [0, 0, 0, 1]))
        matrix[:3, :3] = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        ) * value(node, "scale", time, [1, 1, 1])
        matrix[:3, 3] = value(node, "translation", time, [0, 0, 0])
        return world(parent[node], time) @ matrix if node in parent else matrix

    names = [file.nodes[j].name for j in skin.joints]
    inverse = read(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    parts = [_Part(read, primitive, len(names)) for primitive in mesh.primitives]
    rest = np.concatenate([p.rest for p in parts])
    weights = np.concatenate([p.weights for p in parts])
    offsets = np.concatenate([p.offsets for p in parts], axis=1)
    joints, posed, values = [], [], []
    number = file.nodes.index(mesh_node)
    for k in range(frames):
        time = times[0] + k / rate
        moves = np.array([world(j, time) for j in skin.joints])
        keys = value(number, "weights", time, mesh.weights or []) if len(offsets) else np.zeros(0)
        values.append(keys)
        joints.append(moves[:, :3, 3])
        shaped = rest + np.tensordot(keys, offsets, 1)
        posed.append(_skinned(shaped, weights, (moves @ inverse)[:, :3]))
    image = file.images[0] if file.images else None
    view = file.bufferViews[image.bufferView] if image else None
    data = blob[view.byteOffset :][: view.byteLength] if view else b""
    above = [parent.get(j) for j in skin.joints]
    return {
        "joint_names": names,
        "parents": [file.nodes[a].name if a in skin.joints else "" for a in above],
        **{"joints": joints, "posed": posed, "rest": rest},
        **{"influences": 8 if hasattr(first.attributes, "JOINTS_1") else 4},
        **{"key_names": (mesh.extras or {}).get("targetNames", []), "key_values": values},
        **{"texture": np.frombuffer(data, np.uint8), "up": "y", "unit": 1.0},
        **{"fps": rate, "length": len(times)},
    }


class _Part:
    """One primitive of a glTF mesh."""

    def __init__(self, read, primitive, joints: int) -> None:
        self.rest = read(primitive.attributes.POSITION).astype(float)
        rows, given = read(primitive.attributes.JOINTS_0), read(primitive.attributes.WEIGHTS_0)
        if given.dtype != np.float32:
            given = given / np.iinfo(given.dtype).max
        self.weights = np.zeros((len(rows), joints))
        for k in range(4):
            np.add.at(self.weights, (np.arange(len(rows)), rows[:, k]), given[:, k])
        targets = primitive.targets or []
        shape = (len(targets), *self.rest.shape)
        self.offsets = np.array([read(_position(t)) for t in targets], float).reshape(shape)


def _position(target) -> int:
    return target["POSITION"] if isinstance(target, dict) else target.POSITION


def read_usd(path: Path, frames: int) -> dict[str, np.ndarray]:
    """By Pixar's own library, which skins it, too."""
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(Usd.Stage.Open(str(path)).Flatten())
    unit = UsdGeom.GetStageMetersPerUnit(stage)
    skeleton = UsdSkel.Skeleton(next(p for p in stage.Traverse() if p.IsA(UsdSkel.Skeleton)))
    mesh = next(p for p in stage.Traverse() if p.IsA(UsdGeom.Mesh))
    cache = UsdSkel.Cache()
    query = cache.GetSkelQuery(skeleton)
    motion, topology = query.GetAnimQuery(), query.GetTopology()
    paths = [Sdf.Path(name) for name in query.GetJointOrder()]
    names = [p.name for p in paths]
    parents = [topology.GetParent(k) for k in range(len(paths))]
    begin, end = stage.GetStartTimeCode(), stage.GetEndTimeCode()
    joints, values, posed = [], [], []
    for k in range(frames):
        place = UsdGeom.Xformable(skeleton).ComputeLocalToWorldTransform(begin + k)
        moves = np.array(query.ComputeJointSkelTransforms(begin + k)) @ np.array(place)
        joints.append(moves[:, 3, :3] * unit)
        values.append(np.array(motion.ComputeBlendShapeWeights(begin + k)))
    key_names = list(motion.GetBlendShapeOrder())
    binding = UsdSkel.BindingAPI(mesh)
    influences = binding.GetJointIndicesPrimvar().GetElementSize()
    rest = np.array(UsdGeom.Mesh(mesh).GetPointsAttr().Get()) * unit
    UsdSkel.BakeSkinning(Usd.PrimRange(stage.GetPseudoRoot()), Gf.Interval(begin, end))
    for k in range(frames):
        place = UsdGeom.Xformable(mesh).ComputeLocalToWorldTransform(begin + k)
        points = np.array(UsdGeom.Mesh(mesh).GetPointsAttr().Get(begin + k))
        posed.append((points @ np.array(place)[:3, :3] + np.array(place)[3, :3]) * unit)
    with zipfile.ZipFile(path) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".png")]
        data = archive.read(pictures[0]) if pictures else b""
    return {
        **{"joint_names": names, "parents": [names[p] if p >= 0 else "" for p in parents]},
        **{"joints": joints, "posed": posed, "rest": rest, "influences": influences},
        **{"key_names": key_names, "key_values": values},
        **{"texture": np.frombuffer(data, np.uint8)},
        **{"up": str(UsdGeom.GetStageUpAxis(stage)).lower(), "unit": unit},
        **{"fps": stage.GetTimeCodesPerSecond(), "length": round(end - begin + 1)},
    }


def _matrix(matrix) -> np.ndarray:
    """(3, 4) of one of ufbx's."""
    columns = (matrix.c0, matrix.c1, matrix.c2, matrix.c3)
    return np.array([(c.x, c.y, c.z) for c in columns]).T


def _chain(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(J, 3, 4) `left` after `right`, both (J, 3, 4)."""
    moved = left[:, :, :3] @ right
    moved[:, :, 3] += left[:, :, 3]
    return moved


def _skinned(rest: np.ndarray, weights: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(V, 3) by linear blend skinning with `weights` (V, J) and `moves` (J, 3, 4)."""
    weights = weights / weights.sum(1, keepdims=True)
    blend = (weights @ moves.reshape(-1, 12)).reshape(-1, 3, 4)
    return np.einsum("vab,vb->va", blend[:, :, :3], rest) + blend[:, :, 3]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


if __name__ == "__main__":
    source, target, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    reader = {".fbx": read_fbx, ".glb": read_gltf, ".usdz": read_usd}[source.suffix]
    np.savez(target, **{name: np.array(value) for name, value in reader(source, count).items()})
    sys.stdout.flush()
    os._exit(0)
