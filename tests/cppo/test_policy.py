"""CPPO's head: the stored pair, the kernel's density, who learns, and the deployments."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from rlg_genpo.common import flow_matching as matching
from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.cppo.config import DEPLOYMENTS
from rlg_genpo.cppo.policy import CPPO
from tests.networks import velocity_of

C, D = 4, 2
SCALE, SIGMA = 0.8, 0.3

pytestmark = pytest.mark.usefixtures("double")


def policy_of(output_scale=1.0, dim=D, sigma=SIGMA, steps=3):
    """A policy whose flow, reference and residual are three different functions."""
    flow = velocity_of(C, dim, steps, [16, 16], "silu", 4, [8], output_scale)
    policy = CPPO(
        flow, SplitMLP(C, dim, [16], "silu", output_scale), sigma=sigma, noise_scale=SCALE
    )
    if output_scale:
        for parameter in policy.flow.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return policy


def states(batch):
    return torch.randn(batch, C)


def one_state(count):
    return states(1).expand(count, -1)


@pytest.mark.parametrize("dim", [1, 3])
def test_the_density_of_a_sample_is_the_kernels_by_either_route(dim):
    policy, source = policy_of(dim=dim), states(6)
    acted = policy.act(source)
    assert acted.stored.shape == (6, policy.stored_dim) == (6, 2 * dim)
    reference, action = acted.stored.chunk(2, dim=-1)
    law = Independent(Normal(reference + policy.residual(source, reference), SIGMA), 1)
    torch.testing.assert_close(acted.neglogp, -law.log_prob(action))
    evaluated = policy.evaluate(source, acted.stored)
    torch.testing.assert_close(evaluated.neglogp, acted.neglogp)
    torch.testing.assert_close(evaluated.entropy, law.entropy())
    assert acted.gaussian is not None and evaluated.gaussian is not None
    for gaussian in (acted.gaussian, evaluated.gaussian):
        torch.testing.assert_close(gaussian.mean, law.mean)
        torch.testing.assert_close(gaussian.sigma, torch.full((6, dim), SIGMA))


def test_the_density_around_a_stored_reference_sample_integrates_to_one():
    policy, count = policy_of(dim=1), 4_001
    action = torch.linspace(-6, 6, count)
    source, reference = one_state(count), torch.full((count,), 0.7)
    density = (-policy.evaluate(source, torch.stack([reference, action], dim=1)).neglogp).exp()
    assert density[0] < 1e-12 and density[-1] < 1e-12  # the axis holds all of it
    assert torch.trapezoid(density, action).item() == pytest.approx(1, abs=1e-9)


def test_each_row_has_its_own_state_and_reference_sample():
    policy, source, pair = policy_of(), states(6), torch.randn(6, 2 * D)
    together = policy.evaluate(source, pair).neglogp
    for row in range(6):
        alone = policy.evaluate(source[row : row + 1], pair[row : row + 1])
        torch.testing.assert_close(alone.neglogp, together[row : row + 1])
    elsewhere = pair + torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert (policy.evaluate(source, elsewhere).neglogp - together).abs().min() > 1e-6


def test_a_batch_of_one_keeps_its_dimension():
    policy, source = policy_of(), states(1)
    acted = policy.act(source)
    evaluated = policy.evaluate(source, acted.stored)
    assert acted.stored.shape == policy.deterministic_action(source).shape == (1, 2 * D)
    assert acted.neglogp.shape == evaluated.neglogp.shape == evaluated.entropy.shape == (1,)
    assert policy.to_env(acted.stored).shape == (1, D)
    assert policy.resample(source, 1).shape == (1, 2 * D)


def test_the_environment_receives_the_second_half():
    stored = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    assert torch.equal(policy_of().to_env(stored), torch.tensor([[3.0, 6.0]]))


def test_the_reference_proposes_and_the_flow_has_no_say():
    policy, source = policy_of(), states(6)
    torch.manual_seed(5)
    stored = policy.act(source).stored
    torch.manual_seed(5)
    noise = policy.noise(source)
    condition = policy.reference.condition(source)
    expected = matching.euler(policy.reference.at(condition), noise, 3)
    torch.testing.assert_close(stored[:, :D], expected)
    for parameter in policy.flow.parameters():
        parameter.data += 1
    torch.manual_seed(5)
    assert torch.equal(policy.act(source).stored, stored)


def test_the_reference_starts_as_the_flow_and_is_no_part_of_it():
    flow = velocity_of(C, D, 3, [8], "silu", 4, [8], 1.0)
    policy = CPPO(flow, SplitMLP(C, D, [8], "silu", 1.0), sigma=SIGMA, noise_scale=SCALE)
    pairs = list(zip(policy.flow.parameters(), policy.reference.parameters(), strict=True))
    assert all(torch.equal(mine, average) for mine, average in pairs)
    assert all(mine.data_ptr() != average.data_ptr() for mine, average in pairs)
    assert all(mine.requires_grad and not average.requires_grad for mine, average in pairs)


@pytest.mark.parametrize("output_scale", [0.0, 1.0])
def test_the_density_teaches_residual_and_sigma_and_neither_flow(output_scale):
    policy, source = policy_of(output_scale), states(32)
    with torch.no_grad():
        acted = policy.act(source)
    advantage = torch.randn(32)
    (policy.evaluate(source, acted.stored).neglogp * advantage).mean().backward()
    taught = {name for name, p in policy.named_parameters() if p.grad is not None}
    assert taught == {
        name for name, _ in policy.named_parameters() if name.startswith(("residual", "log_sigma"))
    }
    assert policy.log_sigma.grad.abs().min() > 0
    # While the last layer is zero, it alone has a slope.
    reached = [p for p in policy.residual.parameters() if p.grad.abs().max() > 0]
    assert len(reached) == (2 if output_scale == 0 else len(list(policy.residual.parameters())))


def test_a_fresh_sample_is_differentiable_in_the_kernel_alone():
    policy = policy_of()
    policy.resample(states(6), 6)[:, D:].sum().backward()
    assert all(parameter.grad is None for parameter in policy.flow.parameters())
    assert all(parameter.grad is None for parameter in policy.reference.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in policy.residual.parameters())
    assert policy.log_sigma.grad.abs().min() > 0


@pytest.mark.parametrize("count", [1, 3, 6])
def test_fresh_samples_are_fresh_and_evenly_spread_over_the_states(count):
    policy = policy_of()
    source = torch.arange(6.0).unsqueeze(-1).expand(6, C)
    assert not torch.equal(policy.resample(source, count), policy.resample(source, count))
    torch.manual_seed(5)
    fresh = policy.resample(source, count)
    torch.manual_seed(5)
    rows = [row * 6 // count for row in range(count)]
    torch.testing.assert_close(fresh, policy.act(source[rows]).stored)


def test_at_the_start_the_reference_sample_is_noise_and_the_kernel_around_it():
    policy, source = policy_of(output_scale=0.0), states(50_000)
    acted = policy.act(source)
    assert acted.gaussian is not None
    reference, action = acted.stored.chunk(2, dim=-1)
    assert torch.equal(acted.gaussian.mean, reference)
    # Five standard errors of a standard deviation are 5 / sqrt(2 * 50,000) of it.
    near = {"rel": 5 / math.sqrt(100_000)}
    for component in range(D):
        assert reference[:, component].std().item() == pytest.approx(SCALE, **near)
        spread = math.hypot(SCALE, SIGMA)
        assert action[:, component].std().item() == pytest.approx(spread, **near)


def test_the_mode_is_the_kernels_mean_over_zero_noise():
    policy, source = policy_of(), states(6)
    mode = policy.deterministic_action(source)
    assert torch.equal(mode, policy.deterministic_action(source))
    start = policy.sample_flow(policy.reference, source, torch.zeros(6, D))
    torch.testing.assert_close(mode, torch.cat([start, policy.kernel(source, start).mean], dim=-1))
    # and the likeliest action around that a_k
    other = mode + torch.cat([torch.zeros(6, D), 0.1 * torch.randn(6, D)], dim=-1)
    likelier = policy.evaluate(source, mode).neglogp < policy.evaluate(source, other).neglogp
    assert likelier.all()


def expected_of(policy, deployment, source, noise):
    flow = policy.flow if deployment == "flow" else policy.reference
    action = policy.sample_flow(flow, source, noise)
    return policy.kernel(source, action).mean if deployment.startswith("residual") else action


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_named_deployment_is_deterministic_from_zero_noise(deployment):
    policy, source = policy_of(), states(6)
    twice = [policy.play(source, True, deployment) for _ in range(2)]
    expected = expected_of(policy, deployment, source, torch.zeros(6, D))
    if deployment == "residual_sample":  # which keeps its kernel's noise
        assert (twice[0] - twice[1]).abs().min() > 0
        assert ((twice[0] - expected) / SIGMA).abs().max() < 6
    else:
        assert torch.equal(*twice)
        torch.testing.assert_close(twice[0], expected)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_a_named_deployment_starts_from_random_noise_when_sampled(deployment):
    policy, source = policy_of(), states(6)
    torch.manual_seed(5)
    played = policy.play(source, False, deployment)
    assert (played - policy.play(source, False, deployment)).abs().min() > 0
    torch.manual_seed(5)
    expected = expected_of(policy, deployment, source, policy.noise(source))
    if deployment == "residual_sample":
        expected = expected + SIGMA * torch.randn(6, D)
    torch.testing.assert_close(played, expected)


def test_the_four_deployments_differ():
    policy, source = policy_of(), states(6)
    played = [policy.play(source, True, deployment) for deployment in DEPLOYMENTS]
    for i, first in enumerate(played):
        for second in played[:i]:
            assert (first - second).abs().min() > 1e-6


def test_without_a_name_the_deterministic_action_is_played_or_the_policy_that_trains():
    policy, source = policy_of(), states(6)
    torch.testing.assert_close(
        policy.play(source, True, None), policy.deterministic_action(source)[:, D:]
    )
    torch.manual_seed(5)
    sampled = policy.play(source, False, None)
    torch.manual_seed(5)
    assert torch.equal(sampled, policy.act(source).stored[:, D:])


def test_the_sampled_deployment_follows_the_policy_that_trains():
    policy, source = policy_of(), one_state(40_000)
    with torch.no_grad():
        played, acted = policy.play(source, False, "residual_sample"), policy.act(source).stored
    # Spreads are near 1: five standard errors of a difference of means, and of variances.
    mean, variance = 5 * math.sqrt(2 / 40_000), 5 * math.sqrt(4 / 40_000)
    torch.testing.assert_close(played.mean(dim=0), acted[:, D:].mean(dim=0), atol=mean, rtol=0)
    torch.testing.assert_close(played.T.cov(), acted[:, D:].T.cov(), atol=variance, rtol=0)


def test_noise_has_its_scale_and_the_sources_dtype():
    policy = policy_of()
    noise = policy.noise(states(50_000))
    assert noise.shape == (50_000, D) and noise.dtype == torch.float64
    torch.testing.assert_close(noise.T.cov(), SCALE**2 * torch.eye(D), atol=0.03, rtol=0)
    assert policy.noise(torch.zeros(2, C, dtype=torch.float32)).dtype == torch.float32
