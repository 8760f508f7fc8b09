"""Soft silhouettes: against a hard rasteriser, SoftRas's product, true distances, and in a fit."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from layfigure.engine.geometry.rasteriser import NEAR, rasterise
from layfigure.engine.geometry.silhouette import (
    SIGMA,
    Method,
    overlap_loss,
    silhouette,
    silhouette_of_points,
)
from layfigure.engine.geometry.silhouette_outline import Edges
from layfigure.engine.geometry.silhouette_product import by_pytorch3d

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
METHODS: tuple[Method, ...] = ("outline", "product")
SIZE = (80, 64)  # width, height
LENS = (76.0, 77.0, 40.3, 31.6)


def torus(around: int = 40, across: int = 20, thick: float = 0.3) -> tuple[Tensor, Tensor]:
    """A ring (V, 3) of radius 0.8 in the plane of the picture, at the origin; faces (F, 3)."""
    u, v = torch.meshgrid(
        torch.arange(around) * (2 * np.pi / around),
        torch.arange(across) * (2 * np.pi / across) + 0.1,
        indexing="ij",
    )
    far = 0.8 + thick * v.cos()
    vertices = torch.stack([far * u.cos(), far * u.sin(), thick * v.sin()], -1).reshape(-1, 3)
    i, j = torch.arange(around)[:, None], torch.arange(across)
    a, b = i * across + j, i * across + (j + 1) % across
    c, d = (x.roll(-1, 0) for x in (a, b))
    faces = torch.stack([torch.stack([a, c, b], -1), torch.stack([b, c, d], -1)], 2)
    return vertices.double(), faces.reshape(-1, 3)


def soup(seed: int, triangles: int = 12) -> tuple[Tensor, Tensor]:
    """Triangles across each other and the border of the picture, some behind the camera."""
    random = torch.Generator().manual_seed(seed)
    vertices = torch.randn(3 * triangles, 3, generator=random, dtype=torch.float64)
    return vertices + torch.tensor((0.0, 0.0, 3.0)), torch.arange(3 * triangles).reshape(-1, 3)


def hard(vertices: Tensor, faces: Tensor, finer: int = 1, border: int = 0) -> np.ndarray:
    """What the z-buffer covers; `finer` times as many pixels, with a border of so many of ours."""
    fx, fy, cx, cy = LENS
    lens = (fx * finer, fy * finer, (cx + border) * finer, (cy + border) * finer)
    size = ((n + 2 * border) * finer for n in SIZE)
    return rasterise(vertices.numpy(), faces.numpy(), *lens, *size).face_index >= 0


def ring() -> tuple[Tensor, Tensor]:
    vertices, faces = torus()
    return vertices + torch.tensor((0.1, -0.05, 2.5)), faces


def chain() -> tuple[Tensor, Tensor]:
    """Two rings, one through the other."""
    vertices, faces = torus()
    second = vertices[:, [0, 2, 1]] * 0.8 + torch.tensor((0.6, 0.1, 0.0))
    both = torch.cat([vertices, second]) + torch.tensor((-0.2, 0.0, 3.0))
    return both, torch.cat([faces, faces + len(vertices)])


def in_front(vertices: Tensor, faces: Tensor) -> Tensor:
    return faces[(vertices[:, 2] >= NEAR)[faces].all(1)]


@pytest.mark.parametrize("seed", range(5))
def test_half_is_where_the_surface_is_seen(seed: int) -> None:
    vertices, faces = soup(seed)
    soft = silhouette(vertices[None], faces, LENS, SIZE)[0].numpy()
    seen = hard(vertices, in_front(vertices, faces))
    assert 200 < seen.sum() < seen.size
    assert np.array_equal(soft > 0.5, seen)
    turned = torch.where(torch.rand(len(faces), 1) < 0.5, faces, faces.flip(1))
    assert np.array_equal(silhouette(vertices[None], turned, LENS, SIZE)[0].numpy(), soft)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", ["ring", "soup"])
def test_values_are_those_of_true_distances(shape: str, device: str) -> None:
    """Signed distances of the silhouette, hidden edges and all, measured in a picture 8 x finer."""
    vertices, faces = ring() if shape == "ring" else soup(1)
    faces, finer, border = in_front(vertices, faces), 8, 8
    fine = hard(vertices, faces, finer, border)
    inside, outside = distance_transform_edt(fine), distance_transform_edt(~fine)
    signed = np.where(fine, inside - 0.5, 0.5 - outside) / finer
    x, y = (finer * (border + np.arange(n)) + finer // 2 for n in SIZE)
    # The middle of a pixel is a corner of four fine ones.
    away = np.mean([signed[np.ix_(y - i, x - j)] for i in (0, 1) for j in (0, 1)], axis=0)
    softness = SIGMA * (min(SIZE) / 2) ** 2
    wanted = torch.from_numpy(np.sign(away) * away**2 / softness).sigmoid()
    soft = silhouette(vertices[None].to(device), faces.to(device), LENS, SIZE)[0].cpu()
    error = (soft - wanted).abs()
    assert ((soft > 0) & (soft < 1)).sum() > 500
    # Where outlines cross, up to a pixel of the hidden part counts as seen.
    assert error.mean() < 0.006 and (error > 0.15).double().mean() < 0.01


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-6)])
def test_one_triangle_is_the_product(dtype: torch.dtype, tolerance: float) -> None:
    """With one face the product has one factor: ours, its outline; also across the border."""
    vertices = torch.tensor(((-2.0, -0.6, 3.0), (0.9, -0.4, 2.0), (-0.2, 0.9, 2.5)), dtype=dtype)
    results = []
    for method in METHODS:
        start = vertices[None].clone().requires_grad_()
        soft = silhouette(start, torch.tensor([[0, 1, 2]]), LENS, SIZE, 1e-3, method)
        # Far inside, ours is 1 and the product nearly.
        soft = soft * (soft < 1 - 1e-3)
        (soft * torch.linspace(0, 1, SIZE[0])).sum().backward()
        results.append((soft.detach(), start.grad))
    assert (results[0][0] > 0).sum() > 300
    torch.testing.assert_close(*results, rtol=tolerance, atol=tolerance)


def test_the_product_over_many_faces() -> None:
    """Never less than ours outside; the same picture when it is sharp, a wider one when soft."""
    vertices, faces = ring()
    ours = silhouette(vertices[None], faces, LENS, SIZE)
    soft = silhouette(vertices[None], faces, LENS, SIZE, method="product")
    sharp = silhouette(vertices[None], faces, LENS, SIZE, sigma=1e-6, method="product")
    outside = ours < 0.5
    assert (soft[outside] > ours[outside] - 1e-6).all()
    assert overlap_loss((sharp > 0.5).double(), (ours > 0.5).double()) < 0.01
    assert (sharp - ours).abs().mean() < 0.03
    widened = (soft > 0.5).sum() / (ours > 0.5).sum()
    assert 1.03 < widened < 1.3
    coarse, triangles = torus(12, 6)
    coarse = coarse[None] + torch.tensor((0.0, 0.0, 2.5))
    pair = [silhouette(coarse, triangles, LENS, SIZE, method=m) for m in METHODS]
    assert overlap_loss(*((x > 0.5).double() for x in pair)) < 0.04


@pytest.mark.skipif(
    importlib.util.find_spec("pytorch3d") is None, reason="pytorch3d is not installed"
)
@pytest.mark.parametrize("device", DEVICES)
def test_pytorch3d_has_the_same_product(device: str) -> None:
    vertices, faces = torus(12, 6)
    start = (vertices[None] + torch.tensor((0.1, 0.0, 2.5))).float().to(device)
    points = start[..., :2] / start[..., 2:] * LENS[0] + start.new_tensor(LENS[2:])
    results = []
    for ours in (True, False):
        place = points.clone().requires_grad_()
        if ours:
            soft = silhouette_of_points(
                place.cpu(), start[..., 2].cpu(), faces, SIZE, method="product"
            ).to(device)
        else:
            softness = SIGMA * (min(SIZE) / 2) ** 2
            reach = (softness * np.log(1e4 - 1)) ** 0.5
            soft = by_pytorch3d(
                place, start[..., 2], [faces.to(device)], SIZE, softness, float(reach)
            )
        (soft * torch.linspace(0, 1, SIZE[0], device=device)).sum().backward()
        results.append((soft.detach(), place.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("method", "shape", "wrong"),
    # The nearest edge of some pixels changes; where outlines cross, points do not slide along.
    [
        ("outline", "ring", 0.005),
        ("outline", "chain", 0.03),
        ("product", "ring", 0.005),
        ("product", "soup", 0.005),
    ],
)
def test_gradients_are_finite_differences(
    method: Method, shape: str, wrong: float, device: str
) -> None:
    """Of each pixel, when all vertices and the lens move, but for a share that may be `wrong`."""
    vertices, faces = {"ring": ring, "chain": chain, "soup": lambda: soup(1)}[shape]()
    random = torch.Generator().manual_seed(0)
    way = torch.randn(vertices.shape, generator=random, dtype=torch.float64).to(device)
    start, faces = vertices.to(device), faces.to(device)
    lens = torch.tensor(LENS, dtype=torch.float64, device=device)

    def draw(step: Tensor) -> Tensor:
        moved = (start + step * way)[None]
        return silhouette(moved, faces, lens + step, SIZE, 3e-4, method)[0]

    zero, one = torch.tensor((0.0, 1.0), dtype=torch.float64, device=device)
    slope = torch.func.jvp(draw, (zero,), (one,))[1]
    step = 1e-6
    wanted = (draw(zero + step) - draw(zero - step)) / (2 * step)
    moving = wanted != 0
    assert moving.sum() > 800 and wanted.abs().max() > 10
    far = (slope - wanted).abs() > 1e-5 * (1 + wanted.abs())
    assert far.sum() <= wrong * moving.sum()

    # Backwards it is the same.
    weight = torch.rand(moving.shape, generator=random, dtype=torch.float64).to(device)
    free = zero.clone().requires_grad_()
    (draw(free) * weight).sum().backward()
    torch.testing.assert_close(free.grad, (slope * weight).sum())


def test_holes() -> None:
    """The middle of a ring is empty, and its inner outline pulls like the outer one."""
    vertices, faces = torus()
    start = (vertices[None] + torch.tensor((0.0, 0.0, 3.0))).requires_grad_()
    soft = silhouette(start, faces, (80.0, 80.0, 40.0, 32.0), SIZE)[0]
    assert soft[32, 40] == 0 and soft[32, 40 + 21] == 1 and soft[0, 0] == 0
    hole = soft[18:46, 26:54]
    hole.sum().backward()
    inner = start.grad[0].norm(dim=1) > 0
    assert inner.sum() > 20
    assert (vertices[inner, :2].norm(dim=1) < 0.6).all()


def test_what_is_outside_or_behind() -> None:
    vertices, faces = ring()
    for shift in ((9.0, 0, 0), (0, -9.0, 0), (0, 0, -9.0)):
        start = (vertices[None] + torch.tensor(shift)).requires_grad_()
        soft = silhouette(start, faces, LENS, SIZE)
        assert (soft == 0).all()
        soft.sum().backward()
        assert (start.grad == 0).all()
    # Half outside: the same as that part of a picture that holds it all.
    left = vertices[None] - torch.tensor((1.3, 0.0, 0.0))
    wide = silhouette(left, faces, (*LENS[:2], LENS[2] + 40, LENS[3]), (SIZE[0] + 80, SIZE[1]))
    torch.testing.assert_close(silhouette(left, faces, LENS, SIZE), wide[:, :, 40:-40])
    # Around the camera, every pixel is covered.
    cube = torch.cartesian_prod(*[torch.tensor((-1.0, 1.0))] * 3)[None]
    front = torch.tensor([[1, 3, 5], [3, 5, 7], [0, 1, 3]])
    assert (silhouette(cube, front, (9.0, 9.0, 40, 32), (8, 8)) == 0).any()
    assert (silhouette(cube * 30, front, LENS, SIZE) == 1).all()


def test_faces_of_no_area_and_numbers_that_are_none() -> None:
    vertices, faces = ring()
    soft = silhouette(vertices[None], faces, LENS, SIZE)
    flat = torch.tensor([[0, 0, 1], [5, 5, 5], [2, 3, 3]])
    for method in METHODS:
        pair = (
            silhouette(vertices[None], f, LENS, SIZE, method=method)
            for f in (faces, torch.cat([faces, flat]))
        )
        torch.testing.assert_close(*pair)
        nothing = silhouette(vertices[None], faces[:0], LENS, SIZE, method=method)
        assert nothing.shape == soft.shape and (nothing == 0).all()
    lost = vertices.clone()
    lost[3] = torch.nan
    rest = faces[(faces != 3).all(1)]
    assert torch.equal(
        silhouette(lost[None], faces, LENS, SIZE), silhouette(vertices[None], rest, LENS, SIZE)
    )


def test_a_batch_is_one_by_one() -> None:
    vertices, faces = ring()
    random = torch.Generator().manual_seed(0)
    shift = torch.rand(7, 1, 3, generator=random, dtype=torch.float64) * 2 - 1
    batch = (vertices + shift).requires_grad_()
    lens = torch.tensor(LENS) * (1 + 0.1 * torch.rand(7, 4, generator=random))
    edges = Edges.of(faces)
    together = silhouette(batch, edges, lens, SIZE)
    together.square().sum().backward()
    for k in range(7):
        single = (vertices + shift[k])[None].requires_grad_()
        soft = silhouette(single, faces, lens[k], SIZE)
        soft.square().sum().backward()
        torch.testing.assert_close(soft[0], together[k], atol=1e-9, rtol=0)
        torch.testing.assert_close(single.grad[0], batch.grad[k])


def test_descending_fits_a_mask() -> None:
    """A ring is moved, turned, and made larger and thinner until it covers a mask."""

    def placed(free: Tensor) -> Tensor:
        vertices, _ = torus(30, 12)
        scale = torch.stack([free[0], free[0], free[0] * free[1]]).exp()
        cos, sin = free[2].cos(), free[2].sin()
        x, y, z = (vertices * scale).unbind(1)
        turned = torch.stack([cos * x + sin * z, y, cos * z - sin * x], 1)
        return turned[None] + torch.stack([free[3], free[4], torch.tensor(3.0)])

    _, faces = torus(30, 12)
    edges = Edges.of(faces)
    truth = torch.tensor((0.15, 0.2, 0.8, 0.15, -0.1), dtype=torch.float64)
    mask = (silhouette(placed(truth), edges, LENS, SIZE) > 0.5).double()
    free = torch.tensor((0.0, 0.0, 0.45, 0.0, 0.0), dtype=torch.float64, requires_grad=True)
    steps = torch.optim.Adam([free], lr=0.02)
    for _ in range(120):
        steps.zero_grad()
        soft = silhouette(placed(free), edges, LENS, SIZE)
        (overlap_loss(soft, mask).sum() + (soft - mask).abs().mean()).backward()
        steps.step()
    found = (silhouette(placed(free.detach()), edges, LENS, SIZE) > 0.5).double()
    assert overlap_loss(found, mask) < 0.02
    torch.testing.assert_close(free.detach()[2:], truth[2:], atol=0.03, rtol=0)


def test_overlap_loss() -> None:
    mask = torch.zeros(3, 4, 4)
    mask[0, :2], mask[1, 2:] = 1, 1
    other = mask[[0, 0, 2]]
    assert overlap_loss(other, mask).tolist() == [0, 1, 0]
