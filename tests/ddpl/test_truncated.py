"""Draws of a normal law within bounds, against the law's own density."""

import math

import pytest
import torch
from torch.distributions import Normal

from rlg_genpo.ddpl.truncated import truncated_normal

COUNT = 40_000

laws = pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 0.3), (0.0, 50.0), (0.9, 0.5), (-2.0, 0.6), (1.5, 0.2)]
)


@laws
def test_the_moments_are_the_cut_densitys(double, mean, deviation):
    x = torch.linspace(-1, 1, 20_001)
    density = Normal(mean, deviation).log_prob(x).exp()
    density /= torch.trapezoid(density, x)
    expected = torch.trapezoid(density * x, x)
    variance = torch.trapezoid(density * (x - expected) ** 2, x)
    drawn = truncated_normal(torch.full((COUNT,), mean), torch.tensor(deviation), -1.0, 1.0)
    assert drawn.abs().max() <= 1
    error = math.sqrt(variance.item() / COUNT)
    assert drawn.mean().item() == pytest.approx(expected.item(), abs=5 * error)
    assert drawn.var().item() == pytest.approx(variance.item(), rel=0.05)


@laws
def test_the_draws_share_below_each_point_is_the_cut_laws(double, mean, deviation):
    law = Normal(mean, deviation)
    low, high = law.cdf(torch.tensor(-1.0)), law.cdf(torch.tensor(1.0))
    drawn = truncated_normal(torch.full((COUNT,), mean), torch.tensor(deviation), -1.0, 1.0)
    for point in (-0.9, -0.5, 0.0, 0.5, 0.9):
        expected = ((law.cdf(torch.tensor(point)) - low) / (high - low)).item()
        found = (drawn <= point).double().mean().item()
        assert found == pytest.approx(expected, abs=5 * 0.5 / math.sqrt(COUNT))


@pytest.mark.parametrize("mean", [-30.0, 30.0])
def test_far_outside_the_draw_is_at_the_nearer_bound_and_finite(mean):
    drawn = truncated_normal(torch.full((100,), mean), torch.tensor(0.1), -1.0, 1.0)
    assert (drawn == math.copysign(1.0, mean)).all()


def test_each_element_has_its_own_law():
    mean = torch.tensor([[-0.5], [0.5]]).expand(2, 4_000)
    deviation = torch.tensor([[0.01], [0.1]])
    drawn = truncated_normal(mean, deviation, -1.0, 1.0)
    assert drawn.shape == (2, 4_000)
    torch.testing.assert_close(drawn.mean(1), torch.tensor([-0.5, 0.5]), rtol=0.0, atol=0.01)
    torch.testing.assert_close(drawn.std(1), torch.tensor([0.01, 0.1]), rtol=0.06, atol=0.0)
