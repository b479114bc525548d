"""GenPO's head: sampling, density and mode agree with each other."""

import math

import pytest
import torch

from rlg_genpo.common.flow_config import FlowConfig
from rlg_genpo.common.losses import clipped_surrogate
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.genpo import coupled
from rlg_genpo.genpo.coupled import Coupling
from rlg_genpo.genpo.policy import GenPO, State
from tests.networks import velocity_of

C, D = 4, 2

pytestmark = pytest.mark.usefixtures("double")


def policy_of(steps=5, mix=0.9, scale=1.0, dim=D):
    return GenPO(velocity_of(C, dim, steps, [16, 16], "mish", 4, [8], scale), Coupling(steps, mix))


def states(batch):
    return torch.randn(batch, C)


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize(("steps", "mix"), [(1, 1.0), (5, 0.9), (10, 0.7)])
def test_the_density_of_a_sample_is_the_same_by_noise_and_by_inverse(steps, mix, dim):
    policy = policy_of(steps, mix, dim=dim)
    condition = policy.condition(states(6))
    acted = policy.act(condition)
    assert acted.stored.shape == (6, policy.stored_dim) == (6, 2 * dim)
    evaluated = policy.evaluate(condition, acted.stored)
    torch.testing.assert_close(evaluated.neglogp, acted.neglogp)
    assert evaluated.entropy.tolist() == pytest.approx([Coupling(steps, mix).pair_entropy(dim)] * 6)


def test_flow_and_noise_of_are_inverse():
    policy = policy_of()
    condition, noise = policy.condition(states(6)), torch.randn(6, 2 * D)
    torch.testing.assert_close(policy.noise_of(condition, policy.flow(condition, noise)), noise)


def test_each_row_has_its_own_state():
    policy, source, pair = policy_of(), states(6), torch.randn(6, 2 * D)
    together = policy.evaluate(policy.condition(source), pair).neglogp
    for row in range(6):
        alone = policy.evaluate(policy.condition(source[row : row + 1]), pair[row : row + 1])
        torch.testing.assert_close(alone.neglogp, together[row : row + 1])


def test_a_batch_of_one_keeps_its_dimension():
    policy = policy_of()
    condition = policy.condition(states(1))
    acted = policy.act(condition)
    evaluated = policy.evaluate(condition, acted.stored)
    assert acted.stored.shape == policy.deterministic_action(condition).shape == (1, 2 * D)
    assert acted.neglogp.shape == evaluated.neglogp.shape == evaluated.entropy.shape == (1,)
    assert policy.to_env(acted.stored).shape == (1, D)
    assert policy.resample(condition, 1).shape == (1, 2 * D)


def test_what_the_environment_gets_lies_row_by_row():
    policy = policy_of()
    condition = policy.condition(states(6))
    for stored in (policy.act(condition).stored, policy.deterministic_action(condition)):
        assert policy.to_env(stored).is_contiguous()


def test_the_mode_is_the_likeliest_action_and_certain():
    policy = policy_of()
    condition = policy.condition(states(1))
    mode = policy.deterministic_action(condition)
    assert torch.equal(mode, policy.deterministic_action(condition))
    many = policy.condition(states(1).expand(500, -1))
    one = condition.velocity
    many = State(type(one)(one.state.expand(500, -1), one.time), None)
    best = policy.evaluate(condition, mode).neglogp
    assert (policy.act(many).neglogp > best).all()
    # At zero noise only the constants remain.
    assert best.item() == pytest.approx(D * math.log(2 * math.pi) + 2 * D * 5 * math.log(0.9))


def test_the_environment_receives_the_mean_of_the_halves():
    stored = torch.tensor([[1.0, 2.0, 3.0, 6.0]])
    torch.testing.assert_close(policy_of().to_env(stored), torch.tensor([[2.0, 4.0]]))


@pytest.mark.parametrize("count", [1, 3, 6])
def test_fresh_samples_are_differentiable_and_fresh(count):
    policy = policy_of()
    condition = policy.condition(states(6))
    fresh = policy.resample(condition, count)
    assert fresh.shape == (count, 2 * D)
    assert not torch.equal(fresh, policy.resample(condition, count))
    gradients = torch.autograd.grad(
        coupled.compression_squared(fresh).mean(), list(policy.parameters())
    )
    assert all(gradient.abs().max().item() > 0 for gradient in gradients)


def test_fresh_samples_follow_the_policy():
    policy = policy_of(scale=5.0)
    condition = policy.condition(states(1).expand(20_000, -1))
    with torch.no_grad():
        fresh, acted = policy.resample(condition, 20_000), policy.act(condition).stored
    torch.testing.assert_close(fresh.mean(dim=0), acted.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(fresh.T.cov(), acted.T.cov(), atol=0.08, rtol=0.05)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_every_parameter_receives_a_gradient(scale):
    policy = policy_of(scale=scale)
    condition = policy.condition(states(32))
    with torch.no_grad():
        acted = policy.act(condition)
    log_ratio = acted.neglogp - policy.evaluate(condition, acted.stored).neglogp
    surrogate = clipped_surrogate(log_ratio, torch.randn(32), 0.2).mean()
    compression = coupled.compression_squared(policy.resample(condition, 32)).mean()
    (surrogate + 0.01 * compression).backward()
    for name, parameter in policy.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max().item() > 0, name


def test_the_surrogates_gradient_alone_reaches_every_parameter():
    policy = policy_of()
    condition = policy.condition(states(32))
    with torch.no_grad():
        stored = policy.act(condition).stored
    advantage = torch.randn(32)
    (policy.evaluate(condition, stored).neglogp * advantage).mean().backward()
    assert all(p.grad.abs().max().item() > 0 for p in policy.parameters())


def test_the_mean_neglogp_of_its_own_samples_has_no_gradient():
    """What GenPO's entropy coefficient adds has a zero gradient until the policy has moved."""
    policy, count = policy_of(), 5_000
    condition = policy.condition(states(1).expand(count, -1))
    with torch.no_grad():
        stored = policy.act(condition).stored
    neglogp = policy.evaluate(condition, stored).neglogp
    bias = policy.velocity.rest[-1].bias
    (gradient,) = torch.autograd.grad(neglogp.mean(), bias, retain_graph=True)
    # The score's own spread, from batches of 100, says how far from zero chance may take it.
    means = [part.mean() for part in neglogp.split(100)]
    batches = [torch.autograd.grad(mean, bias, retain_graph=True)[0] for mean in means]
    standard_error = torch.stack(batches).std(dim=0) / math.sqrt(len(batches))
    assert (gradient.abs() < 5 * standard_error).all()
    # After a move of the policy it is no longer zero.
    with torch.no_grad():
        bias += 0.5
    neglogp = policy.evaluate(condition, stored).neglogp
    (gradient,) = torch.autograd.grad(neglogp.mean(), bias)
    assert (gradient.abs() > 5 * standard_error).all()


def test_an_untrained_policy_explores_with_a_spread_near_071():
    policy = policy_of(scale=0.01)
    action = policy.to_env(policy.act(policy.condition(states(50_000))).stored)
    # Without velocity the mean of two independent standard normals, slightly tilted by mixing.
    assert action.std().item() == pytest.approx(math.sqrt(0.5), abs=0.02)
    assert action.mean().abs().item() < 0.03


def test_noise_is_standard_normal():
    policy = policy_of()
    noise = policy.noise(policy.condition(states(50_000)))
    assert noise.shape == (50_000, 4) and noise.dtype == torch.float64
    torch.testing.assert_close(noise.T.cov(), torch.eye(4), atol=0.03, rtol=0)
    torch.testing.assert_close(noise.mean(dim=0), torch.zeros(4), atol=0.03, rtol=0)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_velocity_in_bfloat16_leaves_inverse_and_density_exact(recompute):
    torch.set_default_dtype(torch.float32)
    policy = GenPO(
        velocity_of(C, D, 5, [32, 32], "mish", 4, [8], 1.0), Coupling(5, 0.9), None, recompute
    )
    condition = policy.condition(states(500))
    exact = policy.evaluate(condition, torch.zeros(500, 2 * D)).neglogp
    policy.allow_mixed_precision()
    acted = policy.act(condition)
    again = policy.evaluate(condition, acted.stored).neglogp
    assert acted.neglogp.dtype == again.dtype == acted.stored.dtype == torch.float32
    # rounding the velocity moves the policy, ...
    rounded = policy.evaluate(condition, torch.zeros(500, 2 * D)).neglogp
    assert 1e-4 < (rounded - exact).abs().max().item() < 0.5
    # ... and not what one and the same policy says of its own samples.
    assert (again - acted.neglogp).abs().median().item() < 1e-5
    assert (again - acted.neglogp).abs().max().item() < 0.02
    again.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in policy.parameters())


@pytest.mark.parametrize("recompute", [False, True])
def test_a_velocity_of_ones_own_is_what_flows_and_learns(recompute):
    class Gated(Velocity):
        def __init__(self):
            flow = FlowConfig(3, "standard", "features", (8,), "silu", 4, (8,), 1.0)
            super().__init__(C, D, flow)
            self.gate = torch.nn.Linear(8, D)

        def forward(self, condition, action, k):
            return self.gate(condition.state).sigmoid() * super().forward(condition, action, k)

    policy = GenPO(Gated(), Coupling(3, 0.9), None, recompute)
    condition, pair = policy.condition(states(6)), torch.randn(6, 2 * D)
    open_gate = policy.evaluate(condition, pair).neglogp
    open_gate.sum().backward()
    assert policy.velocity.gate.weight.grad.abs().max().item() > 1e-3
    with torch.no_grad():
        policy.velocity.gate.bias.fill_(-1e3)
    shut = policy.evaluate(condition, pair).neglogp
    still = coupled.uncouple(lambda half, k: 0 * half, pair, Coupling(3, 0.9))
    torch.testing.assert_close(shut, Coupling(3, 0.9).pair_neglogp(still))
    assert (shut - open_gate).abs().max().item() > 1e-3
