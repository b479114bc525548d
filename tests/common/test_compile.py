"""A flow compiles whole, to the same numbers, and never waits for its device."""

import pytest
import torch

from rlg_genpo.common.layers import SplitMLP
from rlg_genpo.cppo.policy import CPPO
from rlg_genpo.genpo.coupled import Coupling
from rlg_genpo.genpo.policy import GenPO
from tests.networks import base_of, velocity_of

pytestmark = pytest.mark.slow

B, C, D = 8, 4, 2


def genpo(base=None, recompute=False):
    velocity = velocity_of(C, D, 3, [16, 16], "mish", 4, [8], 1.0)
    return GenPO(velocity, Coupling(3, 0.9), base, recompute)


def genpo_on_base():
    return genpo(base_of({"fixed_sigma": False}, C, D))


def cppo(base=None):
    residual = SplitMLP(C, D, [16], "silu", 1.0)
    velocity = velocity_of(C, D, 3, [16], "silu", 4, [8], 1.0)
    return CPPO(velocity, residual, base, 0.5 if base else 0.0, sigma=0.5)


def cppo_on_base():
    return cppo(base_of({}, C, D))


every_policy = pytest.mark.parametrize("make", [genpo, genpo_on_base, cppo, cppo_on_base])


def acted(policy, source):
    sample = policy.act(policy.condition(source))
    return policy.to_env(sample.stored), sample.neglogp


def density(policy, source, stored):
    return policy.evaluate(policy.condition(source), stored).neglogp


def deterministic(policy, source):
    return policy.deterministic_action(policy.condition(source))


def fresh(policy, source):
    return policy.resample(policy.condition(source), B // 2)


def whole(function, backend="aot_eager"):
    """Compiled; fails where the compiler would have to break the graph."""
    torch.compiler.reset()
    return torch.compile(function, fullgraph=True, backend=backend)


@pytest.mark.usefixtures("double")
@every_policy
def test_the_density_compiles_without_a_break_to_the_same_value_and_gradient(make):
    policy = make()
    source, stored = torch.randn(B, C), torch.randn(B, policy.stored_dim)
    trained = [p for p in policy.parameters() if p.requires_grad]

    def both(function):
        value = function(policy, source, stored)
        return value, torch.autograd.grad(value.sum(), trained, allow_unused=True)

    value, slopes = both(density)
    same, compiled = both(whole(density))
    torch.testing.assert_close(same, value)
    for one, other in zip(compiled, slopes, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("double")
@every_policy
@pytest.mark.parametrize("function", [acted, deterministic, fresh])
def test_sampling_compiles_without_a_break_to_the_same_samples(make, function):
    policy, source = make(), torch.randn(B, C)
    torch.manual_seed(0)
    expected = function(policy, source)
    compiled = whole(function)
    compiled(policy, source)
    torch.manual_seed(0)
    torch.testing.assert_close(compiled(policy, source), expected)


@pytest.mark.usefixtures("double")
def test_recomputation_compiles_too_with_its_own_part_left_eager():
    policy, plain = genpo(recompute=True), genpo()
    plain.load_state_dict(policy.state_dict())
    source, stored = torch.randn(B, C), torch.randn(B, 2 * D)
    torch.compiler.reset()
    compiled = torch.compile(density, backend="aot_eager")
    found = torch.autograd.grad(compiled(policy, source, stored).sum(), list(policy.parameters()))
    slopes = torch.autograd.grad(density(plain, source, stored).sum(), list(plain.parameters()))
    for one, other in zip(found, slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def test_the_default_compiler_agrees_with_eager():
    policy = genpo()
    source, stored = torch.randn(B, C), torch.randn(B, 2 * D)
    compiled = whole(density, "inductor")
    torch.testing.assert_close(
        compiled(policy, source, stored), density(policy, source, stored), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "make", [genpo, genpo_on_base, lambda: genpo(recompute=True), cppo, cppo_on_base]
)
def test_nothing_waits_for_the_device(make):
    # A meta tensor has no values: whatever asked for one on the host would fail here.
    policy = make().to("meta")
    source = torch.randn(B, C, device="meta")
    action, neglogp = acted(policy, source)
    assert action.is_meta and action.shape == (B, D) and neglogp.shape == (B,)
    stored = torch.randn(B, policy.stored_dim, device="meta")
    loss = density(policy, source, stored).sum() + fresh(policy, source).sum()
    loss.backward()
    grads = [p.grad for p in policy.parameters() if p.grad is not None]
    assert grads and all(grad.is_meta for grad in grads)
