"""CPPO on a Gaussian base: the kernel that leaves it as it is, its density, and what plays."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.cppo.config import DEPLOYMENTS, AlgoConfig
from rlg_genpo.cppo.distillation import Distillation
from rlg_genpo.cppo.policy import CPPO
from tests.networks import base_of, velocity_of

C, D = 4, 2
KAPPAS = [0.05, 0.5, 1.0]

pytestmark = pytest.mark.usefixtures("double")
each_kappa = pytest.mark.parametrize("kappa", KAPPAS)
each_sigma = pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "of_the_state"])


def policy_of(kappa=0.5, scale=1.0, fixed=True, dim=D):
    """A ``scale`` of 0 makes delta and velocity zero; mu and sigma are no standard normal's."""
    base = base_of({"fixed_sigma": fixed}, C, dim)
    for parameter in base.parameters():
        parameter.data += 0.4 * torch.randn_like(parameter)
    flow = velocity_of(C, dim, 3, [16], "silu", 4, [8], scale)
    policy = CPPO(flow, SplitMLP(C, dim, [16], "silu", scale), base, kappa)
    for parameter in policy.flow.parameters() if scale else ():
        parameter.data += 0.1 * torch.randn_like(parameter)  # away from the reference
    return policy


def states(batch):
    return torch.randn(batch, C)


# -- the executed action --------------------------------------------------------------------------


@each_sigma
@each_kappa
def test_without_delta_the_action_has_mu_and_sigma_in_closed_form(kappa, fixed):
    policy, source = policy_of(kappa, scale=0.0, fixed=fixed), states(6)
    gaussian = policy.base(source).gaussian()
    still = policy.kernel(source, torch.zeros(6, D))
    torch.testing.assert_close(still.mean, gaussian.mean)
    # the kernel's mean moves by (1 - kappa) sigma with u_k, whose variance is 1
    slope = policy.kernel(source, torch.ones(6, D)).mean - still.mean
    torch.testing.assert_close(slope, (1 - kappa) * gaussian.sigma)
    torch.testing.assert_close(still.sigma, math.sqrt(kappa * (2 - kappa)) * gaussian.sigma)
    torch.testing.assert_close(slope.square() + still.sigma.square(), gaussian.sigma.square())


@each_kappa
def test_without_delta_sampled_actions_have_mu_and_sigma(kappa):
    policy, count = policy_of(kappa, scale=0.0, fixed=False), 20_000
    source = states(1).expand(count, -1)
    base = policy.base(source[:1]).gaussian()
    with torch.no_grad():
        action = policy.to_env(policy.act(source).stored)
    # five standard errors
    near = 5 / math.sqrt(count)
    assert ((action.mean(dim=0) - base.mean[0]) / base.sigma[0]).abs().max().item() < near
    assert (action.std(dim=0) / base.sigma[0] - 1).abs().max().item() < near / math.sqrt(2)
    assert action.T.corrcoef()[0, 1].abs().item() < near


def test_a_kappa_of_one_forgets_the_flow():
    policy, source, action = policy_of(1.0, scale=0.0), states(6), torch.randn(6, D)
    base = policy.base(source).gaussian()
    expected = -Independent(Normal(base.mean, base.sigma), 1).log_prob(action)
    for reference in (torch.zeros(6, D), 3 * torch.randn(6, D)):
        found = policy.evaluate(source, torch.cat([reference, action], dim=-1)).neglogp
        torch.testing.assert_close(found, expected)


def test_what_is_stored_of_the_flow_is_in_units():
    policy, source = policy_of(), states(6)
    torch.manual_seed(5)
    before = policy.act(source).stored[:, :D]
    for parameter in policy.base.parameters():
        parameter.data += 3.0
    torch.manual_seed(5)
    assert torch.equal(policy.act(source).stored[:, :D], before)


# -- the density ----------------------------------------------------------------------------------


def moved(policy, source, reference):
    """(1 - kappa) u_k + delta."""
    return (1 - policy.contraction) * reference + policy.residual(source, reference)


@each_sigma
@each_kappa
@pytest.mark.parametrize("dim", [1, 3])
def test_the_density_of_a_sample_is_the_kernels_by_either_route(kappa, fixed, dim):
    policy, source = policy_of(kappa, fixed=fixed, dim=dim), states(6)
    acted = policy.act(source)
    reference, action = acted.stored.chunk(2, dim=-1)
    base = policy.base(source).gaussian()
    mean = base.mean + base.sigma * moved(policy, source, reference)
    sigma = math.sqrt(kappa * (2 - kappa)) * base.sigma
    kernel = Independent(Normal(mean, sigma), 1)
    evaluated = policy.evaluate(source, acted.stored)
    torch.testing.assert_close(acted.neglogp, -kernel.log_prob(action))
    torch.testing.assert_close(evaluated.neglogp, acted.neglogp)
    torch.testing.assert_close(evaluated.entropy, kernel.entropy())
    for gaussian in (acted.gaussian, evaluated.gaussian):
        torch.testing.assert_close((gaussian.mean, gaussian.sigma), (mean, sigma))


@each_kappa
def test_the_gradients_to_mu_and_log_sigma_count_the_noise_of_the_flow(kappa):
    """With z = (a - m) / s: z / s to mu, and z^2 - 1 + z ((1 - kappa) u_k + delta) sigma / s."""
    policy, source = policy_of(kappa), states(6)
    with torch.no_grad():
        stored = policy.act(source).stored
        reference, action = stored.chunk(2, dim=-1)
        kernel, shift = policy.kernel(source, reference), moved(policy, source, reference)
    z = (action - kernel.mean) / kernel.sigma
    (-policy.evaluate(source, stored).neglogp).sum().backward()
    spread = math.sqrt(kappa * (2 - kappa))
    expected = z.square() - 1 + z * shift / spread
    torch.testing.assert_close(policy.base.sigma.grad, expected.sum(dim=0))
    torch.testing.assert_close(policy.base.mu.bias.grad, (z / kernel.sigma).sum(dim=0))
    # which the kernel's own noise alone, z^2 - 1, is not
    assert kappa == 1 or (z * shift).sum(dim=0).abs().min().item() > 1e-3


def test_the_score_of_sigma_has_a_mean_of_zero():
    policy, count = policy_of(0.5, scale=0.0), 5_000
    source = states(1).expand(count, -1)
    with torch.no_grad():
        stored = policy.act(source).stored
    policy.evaluate(source, stored).neglogp.mean().backward()
    assert policy.base.sigma.grad.abs().max().item() < 5 * math.sqrt(3 / count)


@each_sigma
def test_the_density_teaches_base_and_residual_and_neither_flow(fixed):
    policy, source = policy_of(fixed=fixed), states(32)
    with torch.no_grad():
        stored = policy.act(source).stored
    (policy.evaluate(source, stored).neglogp * torch.randn(32)).mean().backward()
    for name, parameter in policy.named_parameters():
        if name.startswith(("base", "residual")):
            assert parameter.grad.abs().max().item() > 0, name
        else:
            assert parameter.grad is None, name


def test_the_entropys_gradient_is_one_for_each_log_sigma():
    policy, source = policy_of(), states(6)
    policy.evaluate(source, torch.randn(6, 2 * D)).entropy.mean().backward()
    torch.testing.assert_close(policy.base.sigma.grad, torch.ones(D))


def test_the_spread_is_no_parameter_and_in_no_checkpoint():
    policy = policy_of(0.2)
    assert policy.log_spread.item() == pytest.approx(math.log(0.6))  # 0.2 * 1.8 = 0.6^2
    assert not [name for name in policy.state_dict() if "spread" in name]
    assert policy.raw_sigma is policy.base.sigma


# -- distillation ---------------------------------------------------------------------------------


@each_kappa
def test_the_flow_is_taught_in_units(kappa, monkeypatch):
    """By draws of N((1 - kappa) u_k + delta, kappa (2 - kappa) I), wherever mu and sigma are."""
    policy, count = policy_of(kappa), 4_000
    with torch.no_grad():
        policy.base.mu.bias.fill_(50.0)
        policy.base.sigma.fill_(-3.0)
    source = states(1).expand(count, -1)
    reference, targets = torch.randn(1, D).expand(count, -1), []

    def step(learner, source, target):
        targets.append(target)
        return torch.zeros(())

    monkeypatch.setattr(Distillation, "_step", step)
    settings = AlgoConfig(distill_epochs=1, distill_minibatches=1)
    Distillation(policy, settings, lambda tensors: None).fit(source, reference)
    spread, near = math.sqrt(kappa * (2 - kappa)), 5 / math.sqrt(count)
    expected = moved(policy, source[:1], reference[:1]).squeeze(0)
    assert ((targets[0].mean(dim=0) - expected) / spread).abs().max().item() < near
    assert (targets[0].std(dim=0) / spread - 1).abs().max().item() < near / math.sqrt(2)


def test_distilling_the_start_leaves_the_flow_a_standard_normal():
    """Without delta the teacher's draws are N(0, I) again: the best velocity has no mean."""
    torch.manual_seed(1)
    policy, count = policy_of(0.5, scale=0.0), 2_000
    source = states(count)
    settings = AlgoConfig(distill_epochs=5, distill_lr=1e-2)
    Distillation(policy, settings, lambda tensors: None).fit(source, torch.randn(count, D))
    carried = policy.sample_flow(policy.flow, source, policy.noise(source))
    assert carried.mean(dim=0).abs().max().item() < 0.15
    assert (carried.std(dim=0) - 1).abs().max().item() < 0.15


# -- what plays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_each_deployment_plays_actions_about_mu_in_sigmas(deployment, deterministic):
    policy, source = policy_of(), states(6)
    torch.manual_seed(5)
    played = policy.play(source, deterministic, deployment)
    torch.manual_seed(5)
    # Drawn before the kernel's; a deterministic start draws none.
    noise = torch.zeros(6, D) if deterministic else policy.noise(source)
    flow = policy.flow if deployment == "flow" else policy.reference
    units = policy.sample_flow(flow, source, noise)
    if deployment.startswith("residual"):
        units = moved(policy, source, units)
    if deployment == "residual_sample":
        units = units + math.sqrt(0.75) * torch.randn(6, D)
    base = policy.base(source).gaussian()
    torch.testing.assert_close(played, base.mean + base.sigma * units)


def test_without_delta_the_deterministic_action_is_mu():
    policy, source = policy_of(scale=0.0), states(6)
    for deployment in (None, "residual_mean", "flow_ema", "flow"):
        torch.testing.assert_close(policy.play(source, True, deployment), policy.base(source).mean)


def test_the_deterministic_action_is_the_likeliest_around_its_sample():
    policy, source = policy_of(fixed=False), states(6)
    mode = policy.deterministic_action(source)
    other = mode + torch.cat([torch.zeros(6, D), 0.1 * torch.randn(6, D)], dim=-1)
    assert (policy.evaluate(source, mode).neglogp < policy.evaluate(source, other).neglogp).all()
