"""KL estimators against the closed form of two Gaussians, and small helpers by hand."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from rlg_genpo.maths import estimators

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
