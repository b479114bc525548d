"""Losses against their definitions and hand values."""

import pytest
import torch

from rlg_genpo.common import losses

CLIP = 0.2
RATIOS = [0.1, 0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 2.0, 10.0]
ADVANTAGES = [-3.0, -0.5, 0.0, 0.5, 3.0]

pytestmark = pytest.mark.usefixtures("double")
grid = pytest.mark.parametrize("advantage", ADVANTAGES)


@grid
def test_clipped_surrogate_is_the_minimum_of_both(advantage):
    log_ratio = torch.tensor(RATIOS).log()
    loss = losses.clipped_surrogate(log_ratio, torch.full((len(RATIOS),), advantage), CLIP)
    expected = [-min(r * advantage, min(max(r, 0.8), 1.2) * advantage) for r in RATIOS]
    torch.testing.assert_close(loss, torch.tensor(expected))


@grid
def test_clipped_surrogate_pulls_only_where_it_is_not_clipped(advantage):
    log_ratio = torch.tensor(RATIOS).log().requires_grad_()
    loss = losses.clipped_surrogate(log_ratio, torch.full((len(RATIOS),), advantage), CLIP)
    (gradient,) = torch.autograd.grad(loss.sum(), log_ratio)
    for ratio, slope in zip(RATIOS, gradient.tolist(), strict=True):
        clipped = (advantage > 0 and ratio > 1 + CLIP) or (advantage < 0 and ratio < 1 - CLIP)
        # d(-r A) / d log r = -r A
        assert slope == pytest.approx(0 if clipped else -ratio * advantage)


PAIR = torch.tensor([[1.0, 2.0, 4.0, -2.0], [0.5, 0.5, 0.5, 0.5]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.squared_norm, [25.0, 1.0]),  # 1 + 4 + 16 + 4
        (losses.soft_bound, [0.81 + 8.41 + 0.81, 0.0]),  # (2 - 1.1)^2 + (4 - 1.1)^2 + (2 - 1.1)^2
    ],
)
def test_by_hand(loss, expected):
    torch.testing.assert_close(loss(PAIR), torch.tensor(expected))
