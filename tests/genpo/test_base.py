"""GenPO on a Gaussian base: density, entropy, mode, and what it is without velocity."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian

from rlg_genpo.common.losses import clipped_surrogate
from rlg_genpo.genpo import coupled
from rlg_genpo.genpo.coupled import Coupling
from rlg_genpo.genpo.policy import GenPO
from tests.networks import base_of, velocity_of

C, D = 4, 2

pytestmark = pytest.mark.usefixtures("double")
each_sigma = pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "of_the_state"])
each_coupling = pytest.mark.parametrize(("steps", "mix"), [(1, 1.0), (3, 0.9), (10, 0.7)])


def policy_of(steps=3, mix=0.9, scale=1.0, fixed=True, recompute=False, dim=D):
    """A policy of which mu and sigma depend on the state, or sigma alone does not."""
    base = base_of({"fixed_sigma": fixed}, C, dim)
    for parameter in base.parameters():
        parameter.data += 0.4 * torch.randn_like(parameter)
    velocity = velocity_of(C, dim, steps, [16], "mish", 4, [8], scale)
    return GenPO(velocity, Coupling(steps, mix), base, recompute)


def states(batch):
    return torch.randn(batch, C)


# -- the density ----------------------------------------------------------------------------------


@each_sigma
@each_coupling
def test_the_density_by_the_noise_is_the_change_of_variables(steps, mix, fixed):
    policy, noise = policy_of(steps, mix, fixed=fixed), torch.randn(2 * D)
    state = policy.condition(states(1))
    matrix = jacobian(lambda z: policy.flow(state, z.unsqueeze(0)).squeeze(0), noise)
    normal = 0.5 * noise.square().sum() + D * math.log(2 * math.pi)
    expected = normal + torch.linalg.slogdet(matrix).logabsdet
    found = policy.density(state, noise.unsqueeze(0)).neglogp
    torch.testing.assert_close(found, expected.unsqueeze(0))


@each_sigma
@each_coupling
@pytest.mark.parametrize("dim", [1, 3])
def test_a_samples_density_is_the_same_by_noise_and_by_inverse(steps, mix, fixed, dim):
    policy = policy_of(steps, mix, fixed=fixed, dim=dim)
    state, noise = policy.condition(states(6)), torch.randn(6, 2 * dim)
    torch.testing.assert_close(policy.noise_of(state, policy.flow(state, noise)), noise)
    acted = policy.act(state)
    torch.testing.assert_close(policy.evaluate(state, acted.stored).neglogp, acted.neglogp)


def test_the_density_integrates_to_one():
    policy, ticks = policy_of(dim=1), torch.linspace(-12, 12, 241)
    state = policy.condition(states(1).expand(len(ticks) ** 2, -1))
    pair = torch.cartesian_prod(ticks, ticks)
    density = (-policy.evaluate(state, pair).neglogp).exp().reshape(len(ticks), -1)
    assert density[:, [0, -1]].max() < 1e-8  # the square holds all of it
    total = torch.trapezoid(torch.trapezoid(density, ticks), ticks)
    assert total.item() == pytest.approx(1, abs=1e-3)


@each_sigma
def test_each_row_has_its_own_mu_and_sigma(fixed):
    policy, source, pair = policy_of(fixed=fixed), states(6), torch.randn(6, 2 * D)
    together = policy.evaluate(policy.condition(source), pair)
    for row in range(6):
        alone = policy.evaluate(policy.condition(source[row : row + 1]), pair[row : row + 1])
        torch.testing.assert_close(alone.neglogp, together.neglogp[row : row + 1])
        torch.testing.assert_close(alone.entropy, together.entropy[row : row + 1])
    assert (together.entropy.std() > 1e-3) != fixed


@each_sigma
@pytest.mark.parametrize("recompute", [False, True])
def test_every_parameter_receives_a_gradient(fixed, recompute):
    policy, source = policy_of(fixed=fixed, recompute=recompute), states(32)
    with torch.no_grad():
        acted = policy.act(policy.condition(source))
    log_ratio = acted.neglogp - policy.evaluate(policy.condition(source), acted.stored).neglogp
    clipped_surrogate(log_ratio, torch.randn(32), 0.2).mean().backward()
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max().item() > 0, name


def test_recomputing_gives_the_same_gradients():
    source, pair, found = states(6), torch.randn(6, 2 * D), []
    for recompute in (False, True):
        torch.manual_seed(5)
        policy = policy_of(fixed=False, recompute=recompute)
        neglogp = policy.evaluate(policy.condition(source), pair).neglogp
        found.append(torch.autograd.grad(neglogp.sum(), list(policy.parameters())))
    torch.testing.assert_close(*found)


# -- the entropy ----------------------------------------------------------------------------------


@each_sigma
@each_coupling
def test_the_entropy_is_the_mean_neglogp_of_samples(steps, mix, fixed):
    policy, count = policy_of(steps, mix, fixed=fixed), 10_000
    state = policy.condition(states(1).expand(count, -1))
    with torch.no_grad():
        density = policy.evaluate(state, policy.act(state).stored)
    # The variance of half a chi-squared variable with 2 D degrees of freedom is D.
    error = math.sqrt(D / count)
    assert density.neglogp.mean().item() == pytest.approx(density.entropy[0].item(), abs=5 * error)
    assert density.neglogp.var().item() == pytest.approx(D, rel=0.15)


def test_the_entropys_gradient_is_two_for_each_log_sigma():
    policy = policy_of()
    policy.evaluate(policy.condition(states(6)), torch.randn(6, 2 * D)).entropy.mean().backward()
    torch.testing.assert_close(policy.base.sigma.grad, torch.full((D,), 2.0))
    others = [p.grad for name, p in policy.named_parameters() if name != "base.sigma"]
    assert all(grad is None or (grad == 0).all() for grad in others)


# -- without velocity: the base's own Gaussian ----------------------------------------------------


@pytest.mark.parametrize("mix", [1.0, 0.95, 0.9, 0.6])
@pytest.mark.parametrize("steps", [1, 3, 5, 20])
def test_the_spread_is_that_of_the_mixings_matrix(steps, mix):
    step = torch.tensor([[mix, 1 - mix], [mix * (1 - mix), mix + (1 - mix) ** 2]])
    halves = torch.tensor([0.5, 0.5]) @ torch.linalg.matrix_power(step, steps)
    assert Coupling(steps, mix).spread == pytest.approx(halves.norm().item(), rel=1e-12)


@each_sigma
@each_coupling
def test_without_velocity_the_action_is_linear_in_noise_with_mu_and_sigma(steps, mix, fixed):
    policy = policy_of(steps, mix, scale=0.0, fixed=fixed)
    state = policy.condition(states(1))

    def executed(noise):
        return policy.to_env(policy.flow(state, noise.unsqueeze(0))).squeeze(0)

    gaussian = state.base.gaussian()
    matrix = jacobian(executed, torch.randn(2 * D))
    torch.testing.assert_close(executed(torch.zeros(2 * D)), gaussian.mean.squeeze(0))
    torch.testing.assert_close(matrix @ matrix.T, gaussian.sigma.square().squeeze(0).diag())
    torch.testing.assert_close(jacobian(executed, torch.randn(2 * D)), matrix)


@each_sigma
def test_without_velocity_sampled_actions_have_mu_and_sigma(fixed):
    policy, count = policy_of(scale=0.0, fixed=fixed), 20_000
    state = policy.condition(states(1).expand(count, -1))
    with torch.no_grad():
        acted = policy.act(state)
        action = policy.to_env(acted.stored)
    mean, sigma = acted.gaussian.mean[0], acted.gaussian.sigma[0]
    # five standard errors
    near = 5 / math.sqrt(count)
    assert ((action.mean(dim=0) - mean) / sigma).abs().max().item() < near
    assert (action.std(dim=0) / sigma - 1).abs().max().item() < near / math.sqrt(2)
    assert action.T.corrcoef()[0, 1].abs().item() < near


def test_it_reports_the_bases_gaussian_whatever_the_velocity():
    policy, source = policy_of(fixed=False), states(6)
    state, base = policy.condition(source), policy.base(source)
    for density in (policy.act(state), policy.evaluate(state, torch.randn(6, 2 * D))):
        torch.testing.assert_close(density.gaussian.mean, base.mean)
        torch.testing.assert_close(density.gaussian.sigma, base.log_sigma.exp())


# -- the mode, and fresh samples ------------------------------------------------------------------


@each_sigma
def test_the_deterministic_action_is_the_densitys_mode(fixed):
    policy = policy_of(fixed=fixed)
    state = policy.condition(states(6))
    mode = policy.deterministic_action(state).detach().requires_grad_()
    best = policy.evaluate(state, mode).neglogp
    (slope,) = torch.autograd.grad(best.sum(), mode)
    torch.testing.assert_close(slope, torch.zeros(6, 2 * D), atol=1e-9, rtol=0)
    for size in (0.01, 1.0):
        other = policy.evaluate(state, mode + size * torch.randn(6, 2 * D)).neglogp
        assert (other > best).all()


def test_without_velocity_the_deterministic_action_is_mu():
    policy = policy_of(scale=0.0)
    state = policy.condition(states(6))
    played = policy.play(state, True, None)
    torch.testing.assert_close(played, state.base.mean)


@pytest.mark.parametrize("count", [2, 6])
def test_fresh_samples_are_in_the_flows_units_and_teach_the_flow_alone(count):
    policy, source = policy_of(), states(6)
    fresh = policy.resample(policy.condition(source), count)
    coupled.compression_squared(fresh).mean().backward()
    assert all(parameter.grad is None for parameter in policy.base.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in policy.velocity.parameters())
    # Those of the same noise, brought to mu and sigma, are actions.
    torch.manual_seed(5)
    units = policy.resample(policy.condition(source), 6)
    torch.manual_seed(5)
    stored = policy.act(policy.condition(source)).stored
    state = policy.condition(source)
    scale = state.base.log_sigma.exp().repeat(2) / policy.coupling.spread
    torch.testing.assert_close(stored, state.base.mean.repeat(1, 2) + scale * units)
