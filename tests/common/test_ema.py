"""Exponential moving averages by algebra."""

import math

import pytest
import torch
from torch import nn

from rlg_genpo.common import ema

pytestmark = pytest.mark.usefixtures("double")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("count", [1, 4, 30])
def test_after_n_steps_towards_a_constant_keep_to_the_n_is_left(keep, count):
    old, latest = [torch.randn(3, 2), torch.randn(4)], [torch.randn(3, 2), torch.randn(4)]
    mean = [tensor.clone() for tensor in old]
    for _ in range(count):
        ema.update(mean, latest, keep)
    left = keep**count
    for found, start, end in zip(mean, old, latest, strict=True):
        torch.testing.assert_close(found, left * start + (1 - left) * end)


def test_a_moving_target_is_weighted_by_its_age():
    # 1, 2, 3 in turn, from 0 with rho = 1/2: 1/2 3 + 1/4 2 + 1/8 1.
    mean = [torch.zeros(1)]
    for value in (1.0, 2.0, 3.0):
        ema.update(mean, [torch.tensor([value])], 0.5)
    torch.testing.assert_close(mean[0], torch.tensor([2.125]))


def test_keeping_nothing_copies_bit_by_bit():
    mean, latest = [torch.randn(50)], [torch.randn(50) * 1e3]
    ema.update(mean, latest, 0.0)
    assert torch.equal(mean[0], latest[0]) and mean[0] is not latest[0]


def test_it_works_in_place_without_a_gradient_and_leaves_the_latest_alone():
    mean, latest = nn.Linear(3, 2), nn.Linear(3, 2)
    before = [parameter.clone() for parameter in latest.parameters()]
    places = [parameter.data_ptr() for parameter in mean.parameters()]
    ema.update(mean.parameters(), latest.parameters(), 0.9)
    assert [parameter.data_ptr() for parameter in mean.parameters()] == places
    assert all(p.is_leaf and p.grad_fn is None for p in mean.parameters())
    for parameter, start in zip(latest.parameters(), before, strict=True):
        assert torch.equal(parameter, start)


def test_networks_that_differ_are_not_averaged():
    with pytest.raises(ValueError, match="zip"):
        ema.update([torch.zeros(1), torch.zeros(1)], [torch.zeros(1)], 0.9)


def test_the_relative_distance_by_hand():
    # |(3, 4) - (0, 0)| and |1 - 13| together: sqrt(25 + 144) = 13, over |(0, 0, 13)| = 13.
    mean, latest = (
        [torch.tensor([3.0, 4.0]), torch.tensor([[1.0]])],
        [
            torch.zeros(2),
            torch.tensor([[13.0]]),
        ],
    )
    assert ema.relative_distance(mean, latest).item() == pytest.approx(1)
    assert ema.relative_distance(latest, mean).item() == pytest.approx(13 / math.sqrt(26))


def test_the_relative_distance_is_zero_between_equals_and_between_zeros():
    same = [torch.randn(5), torch.randn(2, 2)]
    assert ema.relative_distance(same, same).item() == 0
    assert ema.relative_distance([torch.zeros(3)], [torch.zeros(3)]).item() == 0


def test_the_distance_to_a_constant_shrinks_by_keep():
    mean, latest = [torch.randn(9)], [torch.randn(9)]
    before = ema.relative_distance(mean, latest)
    ema.update(mean, latest, 0.9)
    torch.testing.assert_close(ema.relative_distance(mean, latest), 0.9 * before)
