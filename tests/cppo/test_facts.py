"""What conditional PPO promises, on a bandit whose marginal policy has a closed form.

D = 1 and no states: a_k = z ~ N(0, s^2), as v = 0, and the kernel is N(w a_k + b, sigma^2). So the
policy is N(b, w^2 s^2 + sigma^2). Expectations over a_k and a are sums over a fine grid.
"""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from rlg_genpo.common.estimators import mixture_entropy
from rlg_genpo.common.gaussian import kl
from rlg_genpo.common.losses import clipped_surrogate
from rlg_genpo.cppo.policy import CPPO
from tests.networks import velocity_of

CLIP, SPREAD = 0.2, 0.8

#: (w, b, sigma) of the policy that filled the rollout, and of policies near and far from it
OLD = (0.9, 0.1, 0.5)
NEW = [(0.9, 0.1, 0.6), (0.9, 0.5, 0.5), (0.6, 0.1, 0.5), (1.2, -0.2, 0.4), (0.3, 0.8, 0.7), OLD]

pytestmark = pytest.mark.usefixtures("double")
policies = pytest.mark.parametrize("new", NEW, ids=str)


class Linear(nn.Module):
    """delta(s, a_k) = (w - 1) a_k + b."""

    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.tensor(weight)),
            nn.Parameter(torch.tensor(bias)),
        )

    def forward(self, source, action):
        return (self.weight - 1) * action + self.bias


def policy_of(weight, bias, sigma):
    still = velocity_of(1, 1, 4, [4], "silu", 2, [4], output_scale=0.0)
    return CPPO(still, Linear(weight, bias), sigma=sigma, noise_scale=SPREAD)


def marginal_of(weight, bias, sigma):
    return Normal(bias, math.hypot(weight * SPREAD, sigma))


def axis(low, high, count):
    """Points and the weights of the trapezoid rule."""
    points = torch.linspace(low, high, count)
    weights = torch.full((count,), (high - low) / (count - 1))
    weights[[0, -1]] /= 2
    return points, weights


@pytest.fixture
def rollout():
    """Every (a_k, a) of a grid, (R, 2), its weight under the old policy, and the old neglogp."""
    noise, noise_weight = axis(-8 * SPREAD, 8 * SPREAD, 401)
    action, action_weight = axis(-9, 9, 1201)
    policy = policy_of(*OLD)
    reference = policy.sample_flow(policy.reference, torch.zeros(401, 1), noise.unsqueeze(-1))
    stored = torch.stack(
        [reference.expand(401, 1201).flatten(), action.expand(401, 1201).flatten()], dim=1
    )
    neglogp = evaluate(policy, stored)
    density = Normal(0.0, SPREAD).log_prob(noise).exp() * noise_weight
    weight = density.repeat_interleave(1201) * action_weight.repeat(401) * (-neglogp).exp()
    assert weight.sum().item() == pytest.approx(1, abs=1e-9)
    return stored, weight.detach(), neglogp.detach()


def evaluate(policy, stored):
    return policy.evaluate(torch.zeros(len(stored), 1), stored).neglogp


def reward(action):
    return torch.cos(2 * action)


def expected_reward(mean, variance):
    """E cos(2 a) of a ~ N(mean, variance): the real part of its characteristic function at 2."""
    return math.exp(-2 * variance) * math.cos(2 * mean)


@policies
def test_the_conditional_ratio_reweights_to_the_new_policys_expected_reward(rollout, new):
    stored, weight, old = rollout
    ratio = (old - evaluate(policy_of(*new), stored)).exp()
    found = (weight * ratio * reward(stored[:, 1])).sum().item()
    law = marginal_of(*new)
    assert found == pytest.approx(expected_reward(law.mean.item(), law.variance.item()), abs=1e-7)


@policies
def test_the_mean_conditional_ratio_at_an_action_is_the_policys_own(rollout, new):
    stored, weight, old = rollout
    ratio = (old - evaluate(policy_of(*new), stored)).exp()
    by_action = weight.view(401, 1201)
    mean = (by_action * ratio.view(401, 1201)).sum(dim=0) / by_action.sum(dim=0)
    action = stored[:1201, 1]
    expected = (marginal_of(*new).log_prob(action) - marginal_of(*OLD).log_prob(action)).exp()
    near = action.abs() < 2
    torch.testing.assert_close(mean[near], expected[near], rtol=1e-6, atol=0.0)


def clipped(log_ratio, advantage, weight):
    return -(weight * clipped_surrogate(log_ratio, advantage, CLIP)).sum().item()


@policies
def test_the_clipped_conditional_objective_is_below_the_policys_and_meets_it_at_the_start(
    rollout, new
):
    stored, weight, old = rollout
    baseline = (weight * reward(stored[:, 1])).sum()
    conditional = clipped(
        old - evaluate(policy_of(*new), stored), reward(stored[:, 1]) - baseline, weight
    )
    action, action_weight = axis(-9, 9, 20_001)
    before = marginal_of(*OLD).log_prob(action)
    log_ratio = marginal_of(*new).log_prob(action) - before
    marginal = clipped(log_ratio, reward(action) - baseline, before.exp() * action_weight)
    if new == OLD:
        assert conditional == pytest.approx(0, abs=1e-9)
        assert marginal == pytest.approx(0, abs=1e-9)
    else:
        assert conditional < marginal - 1e-4


def test_at_the_start_its_gradient_is_the_policy_gradient(rollout):
    stored, weight, old = rollout
    policy = policy_of(*OLD)
    parameters = [policy.residual.weight, policy.residual.bias, policy.log_sigma]
    log_ratio = old - evaluate(policy, stored)
    objective = -(weight * clipped_surrogate(log_ratio, reward(stored[:, 1]), CLIP)).sum()
    found = [gradient.item() for gradient in torch.autograd.grad(objective, parameters)]
    # E cos(2 a) = exp(-2 (w^2 s^2 + sigma^2)) cos(2 b), by w, b and log sigma
    w, b, sigma = OLD
    value = expected_reward(b, (w * SPREAD) ** 2 + sigma**2)
    expected = [-4 * w * SPREAD**2 * value, -2 * math.tan(2 * b) * value, -4 * sigma**2 * value]
    assert found == pytest.approx(expected, rel=1e-6)


@policies
def test_the_kernels_divergence_is_above_the_policys(new):
    noise, weight = axis(-8 * SPREAD, 8 * SPREAD, 2001)
    weight = weight * Normal(0.0, SPREAD).log_prob(noise).exp()
    kernels = [
        policy_of(*which).kernel(torch.zeros(2001, 1), noise.unsqueeze(-1)) for which in (OLD, new)
    ]
    inputs = [part for kernel in kernels for part in (kernel.mean, kernel.sigma.log())]
    of_kernels = (weight * kl(*inputs)).sum().item()
    of_policies = kl_divergence(marginal_of(*OLD), marginal_of(*new)).item()
    if new == OLD:
        assert of_kernels == pytest.approx(0, abs=1e-12) == of_policies
    else:
        assert of_kernels > of_policies + 1e-4
    # The mean's shift alone is divided by sigma^2 in one and by w^2 s^2 + sigma^2 in the other.
    (w, b, sigma), (v, c, tau) = OLD, new
    if (w, sigma) == (v, tau) and b != c:
        assert of_kernels / of_policies == pytest.approx((w * SPREAD / sigma) ** 2 + 1)


@policies
@pytest.mark.parametrize("count", [8, 64])
def test_the_entropy_bound_and_its_estimates_stand_around_the_entropy(new, count):
    policy, states = policy_of(*new), 8_000
    source = torch.zeros(states * count, 1)
    with torch.no_grad():
        acted = policy.act(source)
        bound = policy.evaluate(source[:1], acted.stored[:1]).entropy.item()
    reference, action = acted.stored.view(states, count, 2).unbind(dim=-1)
    centre = policy.kernel(source, reference.reshape(-1, 1)).mean.view(states, count)
    low, high = mixture_entropy(Normal(centre, new[2]).log_prob(action[:, :1]).detach())
    entropy = marginal_of(*new).entropy().item()
    # the gap is the mutual information of a and a_k
    gap = 0.5 * math.log1p((new[0] * SPREAD / new[2]) ** 2)
    assert bound == pytest.approx(entropy - gap)
    errors = [5 * part.std().item() / math.sqrt(states) for part in (low, high)]
    assert bound < low.mean().item() < entropy + errors[0]
    assert entropy - errors[1] < high.mean().item()
