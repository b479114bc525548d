"""Energy distance by hand, against closed forms, and zero in the mean for equal laws."""

import math

import pytest
import torch

from rlg_genpo.cppo.energy import energy_distance, mean_distance

pytestmark = pytest.mark.usefixtures("double")


def mean_abs(mean, sigma):
    """E|X| of X ~ N(mean, sigma^2): the folded normal's mean."""
    density = sigma * math.sqrt(2 / math.pi) * math.exp(-(mean**2) / (2 * sigma**2))
    return density + mean * math.erf(mean / (sigma * math.sqrt(2)))


def within_five_errors(distances, expected):
    error = distances.std().item() / math.sqrt(len(distances))
    return abs(distances.mean().item() - expected) < 5 * error


def test_two_point_masses_are_twice_their_distance_apart():
    first, second = torch.zeros(1, 3, 2), torch.tensor([3.0, 4.0]).expand(1, 5, 2)
    torch.testing.assert_close(energy_distance(first, second), torch.tensor([10.0]))


def test_by_hand():
    # Across: |0 - 0|, |0 - 1|, |2 - 0|, |2 - 1| have the mean 1; within: 2 and 1. 2 - 2 - 1 = -1.
    first, second = torch.tensor([[[0.0], [2.0]]]), torch.tensor([[[0.0], [1.0]]])
    torch.testing.assert_close(energy_distance(first, second), torch.tensor([-1.0]))


def test_the_mean_distance_leaves_out_a_samples_distance_to_itself():
    # Sides 3, 4 and 5 of a right triangle.
    corners = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]])
    torch.testing.assert_close(mean_distance(corners), torch.tensor([4.0]))


@pytest.mark.parametrize(
    ("mean", "sigma"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.3), (2.0, 0.7)], ids=str
)
def test_two_gaussians_in_one_dimension_have_a_closed_form(mean, sigma):
    # X ~ N(0, 1), Y ~ N(mean, sigma^2): each difference is a Gaussian.
    across = mean_abs(mean, math.sqrt(1 + sigma**2))
    expected = 2 * across - mean_abs(0, math.sqrt(2)) - mean_abs(0, math.sqrt(2) * sigma)
    first, second = torch.randn(8_000, 12, 1), mean + sigma * torch.randn(8_000, 9, 1)
    distances = energy_distance(first, second)
    assert within_five_errors(distances, expected)
    assert within_five_errors(distances, 0) == (abs(expected) < 1e-9)


@pytest.mark.parametrize("dim", [1, 4])
def test_equal_laws_are_at_zero_in_the_mean_with_either_sign(dim):
    distances = energy_distance(torch.randn(8_000, 6, dim), torch.randn(8_000, 6, dim))
    assert within_five_errors(distances, 0)
    assert distances.min() < 0 < distances.max()


def test_it_grows_with_a_shift():
    first, second = torch.randn(2, 50, 200, 3)
    shifts = torch.tensor([0.0, 0.3, 0.6, 1.2, 2.4])
    means = torch.stack([energy_distance(first, second + shift).mean() for shift in shifts])
    assert (means.diff() > 0).all()


def test_it_is_in_units_of_the_action_and_symmetric():
    first, second = torch.randn(5, 7, 3), 1 + torch.randn(5, 8, 3)
    here = energy_distance(first, second)
    torch.testing.assert_close(energy_distance(second, first), here)
    torch.testing.assert_close(energy_distance(10 * first - 4, 10 * second - 4), 10 * here)


def test_each_state_has_its_own_distance():
    first, second = torch.randn(5, 7, 3), torch.randn(5, 7, 3)
    together = energy_distance(first, second)
    assert together.shape == (5,)
    torch.testing.assert_close(energy_distance(first[3:4], second[3:4]), together[3:4])
