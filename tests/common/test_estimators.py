"""Estimators against the closed forms of Gaussians, and small helpers by hand."""

import itertools
import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from rlg_genpo.common import estimators

OLD, NEW = Normal(0.0, 1.0), Normal(0.3, 1.2)


def log_ratios(count, new=NEW):
    sample = OLD.sample((count,)).double()
    return new.log_prob(sample) - OLD.log_prob(sample)


@pytest.mark.parametrize("estimator", [estimators.kl_plain, estimators.kl_nonnegative])
def test_estimators_converge_to_the_closed_form(estimator):
    values = estimator(log_ratios(400_000))
    standard_error = values.std().item() / math.sqrt(len(values))
    expected = kl_divergence(OLD, NEW).item()
    assert standard_error < expected / 50
    assert abs(values.mean().item() - expected) < 5 * standard_error


def test_the_nonnegative_estimator_varies_less_between_near_policies():
    log_ratio = log_ratios(100_000, Normal(0.1, 1.0))
    spread = estimators.kl_nonnegative(log_ratio).std()
    assert spread < 0.2 * estimators.kl_plain(log_ratio).std()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nonnegative_never_is_negative(dtype):
    size = torch.logspace(-12, 1.5, 200_000, dtype=dtype)
    values = estimators.kl_nonnegative(torch.cat([-size, torch.zeros(1, dtype=dtype), size]))
    assert values.min() >= 0
    assert values[len(size)] == 0


def test_nonnegative_keeps_its_digits_near_a_ratio_of_one():
    # r - 1 - log r = l^2/2 + l^3/6 + ...; computed as exp(l) - 1 - l in float32 it would be noise.
    log_ratio = torch.tensor([1e-2, -1e-2], dtype=torch.float32)
    expected = torch.tensor([5.0167e-5, 4.9834e-5])
    torch.testing.assert_close(estimators.kl_nonnegative(log_ratio), expected, rtol=1e-3, atol=0.0)


def test_plain_is_minus_log_ratio():
    values = estimators.kl_plain(torch.tensor([0.5, -2.0]))
    torch.testing.assert_close(values, torch.tensor([-0.5, 2.0]))


def test_clipped_share_by_hand():
    log_ratio = torch.tensor([0.7, 0.81, 1.0, 1.19, 1.3]).log()
    share = estimators.clipped_share(log_ratio, 0.2)
    torch.testing.assert_close(share, torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0]))


def test_masked_mean_by_hand():
    values = torch.tensor([1.0, 2.0, 6.0])
    assert estimators.masked_mean(values, None) == 3
    assert estimators.masked_mean(values, torch.tensor([1.0, 0.0, 1.0])) == 3.5
    assert estimators.masked_mean(values, torch.zeros(3)) == 0


def test_masked_rows_receive_no_gradient():
    values = torch.tensor([1.0, 2.0, 6.0], requires_grad=True)
    mean = estimators.masked_mean(values, torch.tensor([1.0, 0.0, 1.0]))
    (gradient,) = torch.autograd.grad(mean, values)
    torch.testing.assert_close(gradient, torch.tensor([0.5, 0.0, 0.5]))


def test_mixture_entropy_by_hand():
    # Densities 1/2 (its own component's), 1/4 and 1/12: the means are 5/18, and 1/6 without it.
    low, high = estimators.mixture_entropy(torch.tensor([[1 / 2, 1 / 4, 1 / 12]]).log())
    torch.testing.assert_close(low, torch.tensor([math.log(18 / 5)]))
    torch.testing.assert_close(high, torch.tensor([math.log(6)]))


def test_mixture_entropy_encloses_the_entropy_ever_more_tightly():
    """a = c + 0.5 eps around c ~ N(0, 1) is N(0, 1.25), whose entropy has a closed form."""
    entropy, gaps = 0.5 * math.log(2 * math.pi * math.e * 1.25), []
    for components in (2, 4, 16, 64):
        centre = torch.randn(20_000, components).double()
        sample = centre[:, :1] + 0.5 * torch.randn(20_000, 1).double()
        low, high = estimators.mixture_entropy(Normal(centre, 0.5).log_prob(sample))
        errors = [5 * part.std().item() / math.sqrt(len(part)) for part in (low, high)]
        assert low.mean().item() - errors[0] < entropy < high.mean().item() + errors[1]
        gaps.append((high.mean() - low.mean()).item())
    assert all(later < 0.6 * earlier for earlier, later in itertools.pairwise(gaps))
    assert gaps[-1] < 0.05


def test_mixture_entropy_of_one_repeated_component_is_its_negative_log_density():
    log_density = torch.randn(7, 1).double().expand(7, 5)
    for found in estimators.mixture_entropy(log_density):
        torch.testing.assert_close(found, -log_density[:, 0])


UNIFORM = math.log(2)  # on [-1, 1]
NORMAL = 0.5 * math.log(2 * math.pi * math.e)  # of deviation 1


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(
    ("draw", "entropy"),
    [(lambda *shape: 2 * torch.rand(*shape) - 1, UNIFORM), (torch.randn, NORMAL)],
    ids=["uniform", "normal"],
)
def test_nearest_neighbour_entropy_converges_to_the_closed_form(double, draw, entropy, size):
    found = estimators.nearest_neighbour_entropy(draw(100, 256, size))
    error = found.std().item() / math.sqrt(len(found))
    # Near an edge the neighbour is further than the density says: the bias falls with M.
    bias = 0.02 if size == 1 else 0.15
    assert found.shape == (100,)
    assert found.mean().item() == pytest.approx(size * entropy, abs=5 * error + bias)


def test_nearest_neighbour_entropy_of_two_on_a_line_by_hand(double):
    # log 0.5 + log 2 (the ball's length) + digamma(2) - digamma(1), which is 1
    found = estimators.nearest_neighbour_entropy(torch.tensor([[[0.2], [0.7]]]))
    torch.testing.assert_close(found, torch.tensor([1.0]))


@pytest.mark.parametrize("size", [1, 3])
def test_nearest_neighbour_entropy_moves_with_the_scale_and_not_with_the_place(double, size):
    samples = torch.randn(5, 16, size)
    found = estimators.nearest_neighbour_entropy(samples)
    torch.testing.assert_close(
        estimators.nearest_neighbour_entropy(3 + 0.1 * samples), found + size * math.log(0.1)
    )


def test_nearest_neighbour_entropy_of_equal_samples_is_low_and_finite():
    found = estimators.nearest_neighbour_entropy(torch.zeros(3, 16, 2))
    assert found.isfinite().all() and (found < -20).all()
