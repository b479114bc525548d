"""The policy improvement: agents apart, the mirror descent target reached, and its bookkeeping."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from rlg_genpo.agents import proposals
from rlg_genpo.agents.improvement import Improvement, Rollout, clip_by_agent
from rlg_genpo.config.ddpl import DDPLConfig
from rlg_genpo.maths import score_matching
from tests.policies.test_ddpl import EVEN, RAGGED, policy_of

#: small, and without noise of its own
FEW = replace(DDPLConfig(), proposals=8, policy_epochs=2, value_epochs=2, proposal_noise=0.0)
RATE = 1e-2

sizes_of = pytest.mark.parametrize(("obs", "act"), [EVEN, RAGGED], ids=["even", "ragged"])
either = pytest.mark.parametrize("control_variate", [True, False], ids=["shifted", "weighted"])


@pytest.fixture(autouse=True)
def one_thread():
    """Layers this small gain nothing by a second one, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def alone(tensors):
    """What a single process shares: nothing."""


def improvement_of(policy, settings=FEW, rate=RATE):
    return Improvement(policy, settings, rate, alone)


def rollout_of(policy, rows=64, advantage=None):
    source = torch.randn(rows, policy.observations.total)
    stored = policy.act(source).stored
    return Rollout(source, stored, torch.randn(rows) if advantage is None else advantage)


class Known(nn.Module):
    """An action value that is given, of one agent's one action component."""

    def __init__(self, value):
        super().__init__()
        self.value = value
        self.unused = nn.Parameter(torch.zeros(1))  # or Adam would refuse

    def forward(self, source, action):
        return self.value(action).squeeze(-1)


# -- agents apart ---------------------------------------------------------------------------


def test_each_agents_gradient_is_shortened_by_itself():
    first = torch.tensor([[[3.0, 0.0]], [[0.03, 0.0]], [[0.0, 0.0]]])
    second = torch.tensor([[[4.0]], [[0.04]], [[0.0]]])
    norms = clip_by_agent([first, second], 1.0)
    torch.testing.assert_close(norms, torch.tensor([5.0, 0.05, 0.0]))
    torch.testing.assert_close(first[:, 0, 0], torch.tensor([0.6, 0.03, 0.0]))
    torch.testing.assert_close(second[:, 0, 0], torch.tensor([0.8, 0.04, 0.0]))


def moved_by(module, before):
    """Agents, (n,), of which a parameter is another now."""
    pairs = zip(module.parameters(), before.parameters(), strict=True)
    return torch.stack([(now != was).flatten(1).any(dim=1) for now, was in pairs]).any(dim=0)


@sizes_of
@either
def test_one_agents_weights_leave_the_others_updates_alone(obs, act, control_variate):
    policy = policy_of(obs, act)
    settings = replace(FEW, control_variate=control_variate, agent_grad_norm=1e-3)
    judged = improvement_of(policy, settings).judge(rollout_of(policy))
    weights = torch.rand_like(judged.weights).softmax(dim=-1)

    def refitted(weights):
        own = copy.deepcopy(policy)
        torch.manual_seed(5)
        improvement_of(own, settings).refit(judged._replace(weights=weights))
        return own.denoisers

    usual = refitted(weights)
    assert moved_by(usual, policy.denoisers).all()
    for agent in range(len(act)):
        loud = weights.clone()
        loud[agent, ::2] *= 1000
        assert torch.equal(moved_by(refitted(loud), usual), torch.arange(len(act)) == agent)


@sizes_of
def test_one_agents_actions_leave_the_others_action_values_alone(obs, act):
    policy = policy_of(obs, act)
    rollout = rollout_of(policy)

    def fitted(stored):
        own = copy.deepcopy(policy)
        torch.manual_seed(5)
        improvement_of(own).fit_values(rollout._replace(stored=stored))
        return own.action_values

    usual = fitted(rollout.stored)
    for agent in range(len(act)):
        stored = rollout.stored.clone()
        stored[:, policy.actions.span(agent)] *= -0.5
        assert torch.equal(moved_by(fitted(stored), usual), torch.arange(len(act)) == agent)


def test_an_action_value_is_the_average_over_the_others_actions():
    """A regression of cos(3 (a - b)) on a alone, b ~ N(0, 0.3^2): exp(-9 * 0.09 / 2) cos(3 a)."""
    policy = policy_of([1, 1], [1, 1])
    rows = 4_096
    actions = torch.stack([2 * torch.rand(rows) - 1, 0.3 * torch.randn(rows)], dim=1)
    advantage = torch.cos(3 * (actions[:, 0] - actions[:, 1]))
    rollout = Rollout(torch.ones(rows, 2), actions, advantage - advantage.mean())
    improvement = improvement_of(policy, replace(FEW, value_epochs=60, policy_minibatches=8))
    improvement.fit_values(rollout)
    axis = torch.linspace(-0.9, 0.9, 37)
    asked = axis.reshape(1, 1, -1, 1).expand(2, -1, -1, -1)
    with torch.no_grad():
        found = policy.action_values(torch.ones(1, 2), asked)[0, 0]
    expected = math.exp(-9 * 0.09 / 2) * torch.cos(3 * axis)
    error = (found - found.mean()) - (expected - expected.mean())
    assert error.square().mean().sqrt() < 0.2 * expected.std()


# -- what is judged -------------------------------------------------------------------------


@sizes_of
def test_proposals_are_within_the_bounds_and_their_weights_meet_the_budget(obs, act):
    policy = policy_of(obs, act, scale=0.1)
    for parameter in policy.action_values.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    settings = replace(FEW, proposal_noise=0.3, kl_budget=0.1)
    rollout = rollout_of(policy)
    judged = improvement_of(policy, settings).judge(rollout)
    assert torch.equal(judged.source, rollout.source)
    actions = judged.proposed.actions
    assert actions.shape == (len(act), 64, 8, max(act)) and actions.abs().max() <= 1
    assert (actions * (1 - policy.actions.real.unsqueeze(1)) == 0).all()
    torch.testing.assert_close(judged.weights.sum(dim=-1), torch.ones(len(act), 64))
    spent = score_matching.divergence(judged.weights).mean(dim=-1)
    torch.testing.assert_close(spent, torch.full((len(act),), 0.1), rtol=1e-3, atol=0.0)
    values = policy.action_values(rollout.source, actions)
    assert torch.equal(judged.weights.argmax(dim=-1), values.argmax(dim=-1))


def test_without_an_opinion_all_proposals_are_alike():
    policy = policy_of(*EVEN)
    judged = improvement_of(policy).judge(rollout_of(policy))
    assert torch.equal(judged.weights, torch.full((2, 64, 8), 1 / 8))


@pytest.mark.parametrize(("share", "rows"), [(1.0, 64), (0.25, 16), (1e-3, 1)])
def test_a_share_of_the_states_is_drawn_anew(share, rows):
    policy = policy_of(*EVEN)
    rollout, improvement = rollout_of(policy), improvement_of(policy, replace(FEW, proposal_states=share))
    drawn = [improvement.judge(rollout).source for _ in range(2)]
    known = {tuple(row) for row in rollout.source.tolist()}
    for source in drawn:
        seen = {tuple(row) for row in source.tolist()}
        assert len(seen) == len(source) == rows and seen <= known
    assert share == 1.0 or not torch.equal(*drawn)


def test_in_parts_proposals_are_judged_as_at_once(monkeypatch):
    policy = policy_of(*RAGGED)
    for parameter in policy.action_values.parameters():
        parameter.data.normal_()
    source, actions = torch.randn(20, 9), torch.randn(3, 20, 8, 3) * policy.actions.real[:, None]
    whole = policy.action_values(source, actions)
    monkeypatch.setattr(proposals, "CHUNK", 7)
    torch.testing.assert_close(proposals.worth(policy.action_values, source, actions), whole)
    found = proposals.from_policy(policy, source, 8, 0.1).actions
    assert found.shape == (3, 20, 8, 3)


def test_the_joint_rule_weighs_the_executed_actions_of_all_agents_by_one_advantage():
    policy = policy_of(*EVEN)
    settings = replace(FEW, weights="joint_advantage", kl_budget=0.2, weight_limit=3.0)
    rollout = rollout_of(policy, 512)
    judged = improvement_of(policy, settings).judge(rollout)
    assert judged.weights.shape == (2, 512, 1)
    assert torch.equal(judged.proposed.actions[:, :, 0], policy.actions.split(rollout.stored))
    assert torch.equal(judged.temperature[0], judged.temperature[1])
    expected = (rollout.advantage / judged.temperature[0]).exp().clamp(max=3)
    for agent in range(2):
        torch.testing.assert_close(judged.weights[agent, :, 0], expected)
    assert 0 < (judged.weights[0] == judged.weights.max()).float().mean() < 0.2
    # The budget is that of the whole rollout's weights, before their limit.
    whole = (rollout.advantage / judged.temperature[0]).softmax(dim=0)
    assert score_matching.divergence(whole).item() == pytest.approx(0.2, rel=1e-3)
    assert improvement_of(policy, settings).refit(judged).isfinite().all()


def test_the_reverse_kernels_proposals_may_have_been_the_noisy_action():
    policy = policy_of(*RAGGED)
    stored = policy.act(torch.randn(200, 9)).stored
    found = proposals.from_reverse_kernel(policy, stored, 8)
    real = policy.actions.real.unsqueeze(1)
    assert found.actions.abs().max() <= 1 and (found.actions * (1 - real) == 0).all()
    share = policy.denoisers.alpha_bar[found.levels].unsqueeze(-1)
    noisy = share.sqrt() * found.actions + (1 - share).sqrt() * found.noise
    torch.testing.assert_close(noisy, found.noisy.expand_as(noisy), rtol=0.0, atol=1e-5)
    shown = found.noised(torch.tensor([3, 1]))
    assert torch.equal(shown.noisy, found.noisy[:, [3, 1]])
    assert torch.equal(shown.levels, found.levels[:, [3, 1]])
    assert torch.equal(shown.noise, found.noise[:, [3, 1]])


# -- what is learned ------------------------------------------------------------------------


@either
def test_without_an_opinion_the_spread_stays(control_variate):
    policy = policy_of([2, 2], [1, 1], spread=0.38, scale=0.01)
    settings = replace(FEW, proposals=16, control_variate=control_variate)
    improvement, probe = improvement_of(policy, settings, 1e-3), torch.randn(4_000, 4)
    start = policy.act(probe).stored.std(dim=0)
    for _ in range(10):
        judged = improvement.judge(rollout_of(policy, 128, torch.zeros(128)))
        assert torch.equal(judged.weights, torch.full((2, 128, 16), 1 / 16))
        improvement.refit(judged)
    torch.testing.assert_close(policy.act(probe).stored.std(dim=0), start, rtol=0.1, atol=0.0)


BINS = 41


def histogram(action):
    counts = torch.histc(action, BINS, -1 - 1 / (BINS - 1), 1 + 1 / (BINS - 1))
    return counts / counts.sum()


def distance(density, other):
    """Total variation."""
    return (density - other).abs().sum().item() / 2


AXIS = torch.linspace(-1, 1, BINS)
TROUGH = slice(BINS // 2 - 3, BINS // 2 + 4)


def peaks(left):
    """Two peaks at -0.6 and 0.6, the left one higher by ``left``."""
    return lambda a: (
        (1 + left) * torch.exp(-((a + 0.6) ** 2) / 0.18) + torch.exp(-((a - 0.6) ** 2) / 0.18)
    )


def drawn(policy):
    return policy.act(torch.ones(16_000, 1)).stored[:, 0]


def at_temperature(value, **other):
    """Settings whose temperature is given, and not solved for."""
    return replace(FEW, min_temperature=value, max_temperature=1.0001 * value, **other)


def improve(policy, settings, rounds):
    """Rounds of judging and refitting at one state, at a falling rate."""
    improvement = improvement_of(policy, settings)
    for rate in [RATE] * (rounds - 1) + [0.1 * RATE]:
        improvement.set_rate(rate)
        source = torch.ones(1024, 1)
        rollout = Rollout(source, policy.act(source).stored, torch.zeros(1024))
        improvement.refit(improvement.judge(rollout))


@pytest.mark.parametrize(
    ("left", "share", "control_variate"),
    [(0.0, 1 / 2, True), (0.25, 2 / 3, True), (0.25, 2 / 3, False)],
    ids=["equal", "two_to_one", "two_to_one_weighted"],
)
def test_a_value_of_two_peaks_keeps_both_with_their_mass(left, share, control_variate):
    """One mirror descent step from N(0, 0.6^2), cut off: pi exp(Q / 0.3) / Z on a grid."""
    policy = policy_of([1], [1], scale=0.01, units=(32, 32))
    policy.action_values = Known(peaks(left))
    settings = at_temperature(
        0.3, control_variate=control_variate, proposals=16, policy_epochs=60
    )
    start = histogram(drawn(policy))
    target = start * torch.exp(peaks(left)(AXIS) / 0.3)
    target /= target.sum()
    mass = target[: BINS // 2].sum().item() + target[BINS // 2].item() / 2
    assert mass == pytest.approx(share, abs=0.02)
    improvement, source = improvement_of(policy, settings), torch.ones(256, 1)
    judged = improvement.judge(Rollout(source, torch.zeros(256, 1), torch.zeros(256)))
    improvement.refit(judged)
    improvement.set_rate(0.1 * RATE)
    improvement.settings = replace(settings, policy_epochs=20)
    improvement.refit(judged)
    after = drawn(policy)
    assert (after < 0).float().mean().item() == pytest.approx(mass, abs=0.06)
    assert distance(histogram(after), target) < 0.6 * distance(start, target)
    assert histogram(after)[TROUGH].sum() < 0.6 * start[TROUGH].sum()


def test_with_the_reverse_kernel_the_policy_becomes_boltzmanns():
    """exp(Q / 0.4) / Z on [-1, 1], whatever the policy was."""
    policy = policy_of([1], [1], scale=0.01, units=(32, 32))
    policy.action_values = Known(peaks(0.2))
    target = torch.exp(peaks(0.2)(AXIS) / 0.4)
    target[[0, -1]] /= 2  # half bins
    target /= target.sum()
    start = distance(histogram(drawn(policy)), target)
    improve(policy, at_temperature(0.4, proposal="reverse_kernel", policy_epochs=30), 4)
    after = drawn(policy)
    assert start > 0.3 and distance(histogram(after), target) < 0.15
    mass = target[: BINS // 2].sum().item() + target[BINS // 2].item() / 2
    assert (after < 0).float().mean().item() == pytest.approx(mass, abs=0.06)


# -- bookkeeping ----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_any_number_of_minibatches_will_do(rows):
    policy = policy_of(*EVEN)
    improvement = improvement_of(policy, replace(FEW, policy_minibatches=4))
    rollout = rollout_of(policy, rows)
    assert improvement.fit_values(rollout).isfinite().all()
    assert improvement.refit(improvement.judge(rollout)).isfinite().all()
    assert all(parameter.isfinite().all() for parameter in policy.parameters())


def test_each_part_moves_its_own_networks_and_leaves_no_gradient():
    policy = policy_of(*EVEN)
    was, rollout, improvement = copy.deepcopy(policy), rollout_of(policy), improvement_of(policy)
    error = improvement.fit_values(rollout)
    assert moved_by(policy.action_values, was.action_values).all()
    assert not moved_by(policy.denoisers, was.denoisers).any()
    values = copy.deepcopy(policy.action_values)
    loss = improvement.refit(improvement.judge(rollout))
    assert moved_by(policy.denoisers, was.denoisers).all()
    assert not moved_by(policy.action_values, values).any()
    assert all(parameter.grad is None for parameter in policy.parameters())
    assert error.shape == loss.shape == (2,)


def test_the_resumed_improvement_makes_the_same_steps():
    policy = policy_of(*EVEN)
    rollout, first = rollout_of(policy), improvement_of(policy)

    def step(improvement):
        torch.manual_seed(5)
        improvement.fit_values(rollout)
        improvement.refit(improvement.judge(rollout))
        return improvement.policy.state_dict()

    step(first)
    resumed, forgetful = (improvement_of(copy.deepcopy(policy)) for _ in range(2))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()), RATE)
    on = step(first)
    for name, value in step(resumed).items():
        assert torch.equal(value, on[name]), name
    assert any(not torch.equal(value, on[name]) for name, value in step(forgetful).items())


@pytest.mark.parametrize(("own", "expected"), [(None, 3e-4), (7e-5, 7e-5)])
def test_the_rate_is_rl_games_or_its_own(own, expected):
    improvement = improvement_of(policy_of(*EVEN), replace(FEW, policy_lr=own))
    state = improvement.state_dict()
    improvement.set_rate(3e-4)
    resumed = improvement_of(policy_of(*EVEN), replace(FEW, policy_lr=own))
    resumed.load_state_dict(state, 3e-4)
    for one in (improvement, resumed):
        assert [group["lr"] for group in one.values.param_groups] == [3e-4]
        assert [group["lr"] for group in one.denoisers.param_groups] == [expected]


def test_ranks_share_gradients_and_temperatures():
    policy, shared = policy_of(*EVEN), []
    improvement = Improvement(policy, FEW, RATE, lambda tensors: shared.append(list(tensors)))
    rollout = rollout_of(policy)
    improvement.fit_values(rollout)
    assert len(shared) == 2 * 4 and len(shared[0]) == len(list(policy.action_values.parameters()))
    judged = improvement.judge(rollout)
    torch.testing.assert_close(shared[-1][0].exp(), judged.temperature)
    improvement.refit(judged)
    assert len(shared) == 8 + 1 + 2 * 4
    assert len(shared[-1]) == len(list(policy.denoisers.parameters()))
