"""L-BFGS and Adam on problems whose minima are known."""

from __future__ import annotations

import torch
from torch import Tensor

from layfigure.engine.fitting.staged.optimise import Limits, adam, by_autograd, lbfgs

START = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [3.0, -2.0], [1.0, 1.0]], dtype=torch.float64)
SCALE = torch.tensor([100.0, 1.0, 30.0, 100.0], dtype=torch.float64)


def rosenbrock(x: Tensor, rows: Tensor) -> Tensor:
    return (1 - x[:, 0]) ** 2 + SCALE[rows].to(x) * (x[:, 1] - x[:, 0] ** 2) ** 2


def test_lbfgs_finds_the_minima() -> None:
    found = lbfgs(by_autograd(rosenbrock), START, Limits(200, 0.0, 1e-8))
    torch.testing.assert_close(found.x, torch.ones_like(START), atol=1e-6, rtol=0)
    assert found.iterations < 80 and found.evaluations < 120


def test_problems_do_not_see_each_other() -> None:
    limits = Limits(15, 0.0, 1e-8)
    together = lbfgs(by_autograd(rosenbrock), START, limits).x
    for row in range(len(START)):

        def alone(x: Tensor, rows: Tensor, row: int = row) -> Tensor:
            return rosenbrock(x, rows + row)  # fmt: skip

        found = lbfgs(by_autograd(alone), START[row : row + 1], limits).x
        torch.testing.assert_close(found[0], together[row])


def test_limits_hold() -> None:
    assert lbfgs(by_autograd(rosenbrock), START, Limits(3, 0.0, 0.0)).iterations == 3
    loose = lbfgs(by_autograd(rosenbrock), START, Limits(200, 0.5, 0.0))
    assert loose.iterations < 10
    flat = lbfgs(by_autograd(rosenbrock), START, Limits(200, 0.0, 1e9))
    assert flat.iterations == 0 and torch.equal(flat.x, START)
    calls = []
    lbfgs(by_autograd(rosenbrock), START, Limits(4, 0.0, 0.0), lambda: calls.append(1))
    assert len(calls) == 4


def test_energies_that_are_no_numbers_are_stepped_over() -> None:
    def walled(x: Tensor, rows: Tensor) -> Tensor:
        return -(x[:, 0] * (1 - x[:, 0])).log() + x[:, 1] ** 2  # NaN outside 0..1

    start = torch.tensor([[0.02, 5.0], [0.9, -3.0]], dtype=torch.float64)
    found = lbfgs(by_autograd(walled), start, Limits(100, 0.0, 1e-9))
    torch.testing.assert_close(found.x, torch.tensor([[0.5, 0.0]] * 2).double(), atol=1e-5, rtol=0)


def test_lbfgs_never_goes_up_in_single_precision() -> None:
    found = lbfgs(by_autograd(rosenbrock), START.float(), Limits(500, 0.0, 0.0))
    before = rosenbrock(START, torch.arange(4))
    assert (found.energy <= before).all() and found.energy.max() < 1e-6


def test_adam() -> None:
    def bowl(x: Tensor, rows: Tensor) -> Tensor:
        return (x - 2).square().sum(1) * SCALE[rows]

    found = adam(by_autograd(bowl), START, Limits(2000, 1e-12, 1e-6, 0.1))
    torch.testing.assert_close(found.x, torch.full_like(START, 2.0), atol=1e-3, rtol=0)
    assert adam(by_autograd(bowl), START, Limits(7, 0.0, 0.0, 0.1)).iterations == 7
