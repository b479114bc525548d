"""DDPL's head: agents that act apart, where they start, what they store, and few-step sampling."""

import math

import pytest
import torch
from torch.autograd.functional import jacobian

from rlg_genpo.common.policy import Acted, LikelihoodPolicy
from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import DiffusionConfig
from rlg_genpo.ddpl.networks import Denoisers
from rlg_genpo.ddpl.policy import DDPL
from tests.ddpl import teams
from tests.networks import action_values_of

EVEN, RAGGED, ALONE = ([3, 3], [2, 2]), ([4, 2, 3], [1, 3, 2]), ([3], [2])

sizes_of = pytest.mark.parametrize(
    ("obs", "act"), [EVEN, RAGGED, ALONE], ids=["even", "ragged", "alone"]
)


def policy_of(
    obs, act, *, levels=20, steps=None, spread=0.6, scale=1.0, variance="beta", units=(16, 8),
    shared=False,
):  # fmt: skip
    """A policy of small networks, in torch's default precision; A_i starts at zero."""
    config = DiffusionConfig(
        steps=levels, sampling_steps=steps, variance=variance, units=units, time_embedding=8,
        time_units=(16,), output_scale=scale, spread=spread, shared_weights=shared,
    )  # fmt: skip
    policy = DDPL(Denoisers(obs, act, config), action_values_of(obs, act, [16], "silu", shared))
    return policy.to(torch.get_default_dtype())


def seeded(call, *args, seed=5):
    torch.manual_seed(seed)
    return call(*args)


def elsewhere(source, sizes, agent):
    """The same states but for one agent's observation."""
    moved = source.clone()
    moved[:, teams.span(sizes, agent)] += 1
    return moved


@sizes_of
def test_an_agent_acts_on_its_own_observation_alone(double, obs, act):
    policy, source = policy_of(obs, act), torch.randn(6, sum(obs))
    here = seeded(policy.act, source).stored
    for agent in range(len(act)):
        there = seeded(policy.act, elsewhere(source, obs, agent)).stored
        moved = (here != there).any(dim=0)
        expected = torch.zeros(sum(act), dtype=torch.bool)
        expected[teams.span(act, agent)] = True
        assert torch.equal(moved, expected)


@sizes_of
@pytest.mark.parametrize("verb", ["sample", "deterministic"])
def test_its_action_has_no_slope_in_anothers_observation(double, obs, act, verb):
    policy = policy_of(obs, act, levels=6, scale=0.1)
    noise = torch.randn(len(act), 2, max(act))

    def action(source):
        if verb == "deterministic":
            return policy.deterministic_action(source)
        return policy.actions.merge(seeded(policy.sample, policy.states(source), noise))

    slopes = jacobian(action, 0.3 * torch.randn(2, sum(obs)))  # (B, A, B, S)
    for agent in range(len(act)):
        own = slopes[:, teams.span(act, agent)]
        mask = torch.zeros(sum(obs), dtype=torch.bool)
        mask[teams.span(obs, agent)] = True
        assert (own[..., ~mask] == 0).all()
        assert own[0, :, 0, mask].abs().max() > 0 and (own[0, :, 1] == 0).all()


def test_its_action_is_not_moved_by_the_filling_of_its_noise(double):
    policy = policy_of(*RAGGED)
    states = policy.states(torch.randn(6, 9))
    noise, real = policy.noise(states), policy.actions.real
    drawn = [
        policy.actions.merge(seeded(policy.sample, states, start))
        for start in (noise, noise + 3 * (1 - real))
    ]
    assert torch.equal(*drawn)


@sizes_of
def test_the_environment_receives_what_is_stored(obs, act):
    policy, source = policy_of(obs, act), torch.randn(6, sum(obs))
    acted = policy.act(policy.condition(source))
    assert acted.stored.shape == (6, policy.stored_dim) == (6, sum(act))
    assert torch.equal(policy.to_env(acted.stored), acted.stored)
    torch.manual_seed(5)
    assert torch.equal(
        policy.play(source, deterministic=False, deployment=None),
        seeded(policy.act, source).stored,
    )
    assert torch.equal(policy.play(source, True, None), policy.deterministic_action(source))


def test_there_is_no_density():
    policy, source = policy_of(*EVEN), torch.randn(6, 6)
    acted = policy.act(source)
    assert not isinstance(policy, LikelihoodPolicy)
    assert acted == Acted(acted.stored) and not acted.stored.requires_grad


@pytest.mark.parametrize("variance", ["beta", "posterior"])
@pytest.mark.parametrize("steps", [1, 5, 20])
def test_actions_are_within_the_bounds_whatever_the_network(variance, steps):
    policy = policy_of(*RAGGED, steps=steps, variance=variance, scale=30.0)
    source = torch.randn(200, 9)
    for action in (policy.act(source).stored, policy.deterministic_action(source)):
        assert action.abs().max() <= 1 and (action.abs() == 1).any()


@pytest.mark.parametrize("spread", [0.1, 0.2, 0.38])
def test_it_starts_near_the_normal_that_it_is_told_to(double, spread):
    policy = policy_of(*EVEN, spread=spread, scale=0.01)
    action = policy.act(torch.randn(4_000, 6)).stored
    assert action.mean(dim=0).abs().max() < 0.05 * spread + 5 * spread / math.sqrt(4_000)
    assert action.std(dim=0).tolist() == pytest.approx([spread] * 4, rel=0.1)
    # Symmetric and of a normal's tails: E a^4 = 3 s^4
    kurtosis = action.pow(4).mean() / action.square().mean() ** 2
    assert kurtosis.item() == pytest.approx(3, abs=0.5)


def test_a_wide_start_is_the_normal_cut_off_at_the_bounds(double):
    policy = policy_of(*EVEN, spread=0.6, scale=0.0)
    action = policy.act(torch.randn(8_000, 6)).stored
    # of N(0, 0.6^2) clipped to [-1, 1]
    edge = 1 / 0.6
    outside = math.erfc(edge / math.sqrt(2))
    density = math.exp(-(edge**2) / 2) / math.sqrt(2 * math.pi)
    clipped = math.sqrt(0.36 * (1 - outside - 2 * edge * density) + outside)
    assert action.std().item() == pytest.approx(clipped, rel=0.05)
    saturated = (action.abs() > 0.99).double().mean().item()
    assert saturated == pytest.approx(outside, abs=0.03)


def test_agents_draw_independently(double):
    policy = policy_of(*EVEN, spread=0.3, scale=0.0)
    action = policy.act(torch.zeros(10_000, 6)).stored
    correlation = torch.corrcoef(action.T) - torch.eye(4)
    assert correlation.abs().max() < 5 / math.sqrt(10_000)


def test_several_draws_at_a_state_are_draws_at_that_state(double):
    policy, source = policy_of(*RAGGED), torch.randn(6, 9)
    states = policy.states(source)
    noise = policy.noise(states, 4)
    assert noise.shape == (3, 6, 4, 3)
    drawn = policy.sample(states, noise, temperature=0.0)
    for k in range(4):
        one = policy.sample(states, noise[:, :, k], temperature=0.0)
        torch.testing.assert_close(drawn[:, :, k], one)


@pytest.mark.parametrize("steps", [1, 5, 20])
def test_it_goes_through_as_many_levels_as_it_is_told(monkeypatch, steps):
    policy, seen = policy_of(*EVEN, steps=steps), []
    forward = Denoisers.forward

    def watched(net, condition, noisy, index):
        seen.append(index)
        return forward(net, condition, noisy, index)

    monkeypatch.setattr(Denoisers, "forward", watched)
    policy.act(torch.randn(6, 6))
    assert seen == diffusion.respaced(20, steps).flip(0).tolist()
    assert len(seen) == steps and seen[0] == 19
    kept = policy.denoisers.alpha_bar[diffusion.respaced(20, steps)]
    assert torch.equal(policy.alpha_bar, kept)


def test_the_deterministic_action_repeats_itself_and_a_sample_does_not(double):
    policy, source = policy_of(*EVEN), torch.randn(6, 6)
    assert torch.equal(policy.deterministic_action(source), policy.deterministic_action(source))
    assert not torch.equal(policy.act(source).stored, policy.act(source).stored)
    # Without a network the middle of the start is the middle.
    assert (policy_of(*EVEN, scale=0.0).deterministic_action(source) == 0).all()


@pytest.mark.parametrize("shared", [False, True])
def test_a_saved_policy_acts_as_it_did(shared):
    source = torch.randn(6, 6)
    one, other = (policy_of(*EVEN, shared=shared) for _ in range(2))
    expected = seeded(one.act, source).stored
    assert not torch.equal(seeded(other.act, source).stored, expected)
    other.load_state_dict(one.state_dict())
    assert torch.equal(seeded(other.act, source).stored, expected)
    assert torch.equal(other.deterministic_action(source), one.deterministic_action(source))


def test_a_batch_of_one_keeps_its_dimension():
    for sizes in (EVEN, RAGGED, ALONE):
        policy = policy_of(*sizes)
        source = torch.randn(1, sum(sizes[0]))
        acted = policy.act(source)
        assert acted.stored.shape == policy.deterministic_action(source).shape == (1, sum(sizes[1]))
