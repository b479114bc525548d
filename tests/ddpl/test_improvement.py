"""The policy improvement: agents apart, what is weighed, and its bookkeeping."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from rlg_genpo.ddpl import improvement as improving
from rlg_genpo.ddpl import score_matching
from rlg_genpo.ddpl.config import AlgoConfig
from rlg_genpo.ddpl.improvement import Improvement, Rollout, clip_by_agent
from tests.ddpl import teams
from tests.ddpl.test_policy import EVEN, RAGGED, policy_of

#: small, and without noise of its own
FEW = replace(AlgoConfig(), proposals=8, policy_epochs=2, value_epochs=2, proposal_noise=0.0)
RATE = 1e-2

sizes_of = pytest.mark.parametrize(("obs", "act"), [EVEN, RAGGED], ids=["even", "ragged"])
shares = pytest.mark.parametrize("control_variate", [0.0, 0.7, 1.0])
pytestmark = pytest.mark.usefixtures("one_thread")


def alone(tensors):
    """The average over a single process: itself."""


def improvement_of(policy, settings=FEW, rate=RATE):
    return Improvement(policy, settings, rate, alone)


def rollout_of(policy, rows=64, advantage=None):
    source = torch.randn(rows, policy.observations.total)
    stored = policy.act(source).stored
    return Rollout(source, stored, torch.randn(rows) if advantage is None else advantage)


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
@shares
def test_one_agents_weights_leave_the_others_updates_alone(obs, act, control_variate):
    policy = policy_of(obs, act)
    settings = replace(FEW, control_variate=control_variate, agent_grad_norm=1e-3)
    weighted = improvement_of(policy, settings).weigh(rollout_of(policy))
    weights = torch.rand_like(weighted.weights).softmax(dim=-1)

    def fitted(weights):
        own = copy.deepcopy(policy)
        torch.manual_seed(5)
        improvement_of(own, settings).fit_denoisers(weighted._replace(weights=weights))
        return own.denoisers

    usual = fitted(weights)
    assert moved_by(usual, policy.denoisers).all()
    for agent in range(len(act)):
        loud = weights.clone()
        loud[agent, ::2] *= 1000
        assert torch.equal(moved_by(fitted(loud), usual), torch.arange(len(act)) == agent)


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
        stored[:, teams.span(act, agent)] *= -0.5
        assert torch.equal(moved_by(fitted(stored), usual), torch.arange(len(act)) == agent)


# -- what is weighed --------------------------------------------------------------------------


@sizes_of
def test_proposals_are_within_the_bounds_and_their_weights_meet_the_budget(obs, act):
    policy = policy_of(obs, act, scale=0.1)
    for parameter in policy.action_values.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    settings = replace(FEW, proposal_noise=0.3, kl_budget=0.1)
    rollout = rollout_of(policy)
    weighted = improvement_of(policy, settings).weigh(rollout)
    assert torch.equal(weighted.source, rollout.source)
    actions = weighted.actions
    assert actions.shape == (len(act), 64, 8, max(act)) and actions.abs().max() <= 1
    assert (actions * (1 - policy.actions.real.unsqueeze(1)) == 0).all()
    torch.testing.assert_close(weighted.weights.sum(dim=-1), torch.ones(len(act), 64))
    spent = score_matching.divergence(weighted.weights).mean(dim=-1)
    torch.testing.assert_close(spent, torch.full((len(act),), 0.1), rtol=1e-3, atol=0.0)
    values = policy.action_values(rollout.source, actions)
    assert torch.equal(weighted.weights.argmax(dim=-1), values.argmax(dim=-1))


def test_without_an_opinion_all_proposals_are_alike():
    policy = policy_of(*EVEN)
    weighted = improvement_of(policy).weigh(rollout_of(policy))
    assert torch.equal(weighted.weights, torch.full((2, 64, 8), 1 / 8))


@pytest.mark.parametrize(("share", "rows"), [(1.0, 64), (0.25, 16), (1e-3, 1)])
def test_a_share_of_the_states_is_drawn_anew(share, rows):
    policy = policy_of(*EVEN)
    rollout, improvement = (
        rollout_of(policy),
        improvement_of(policy, replace(FEW, proposal_states=share)),
    )
    drawn = [improvement.weigh(rollout).source for _ in range(2)]
    known = {tuple(row) for row in rollout.source.tolist()}
    for source in drawn:
        seen = {tuple(row) for row in source.tolist()}
        assert len(seen) == len(source) == rows and seen <= known
    assert share == 1.0 or not torch.equal(*drawn)


def test_in_parts_proposals_are_weighed_as_at_once(monkeypatch):
    policy = policy_of(*RAGGED)
    for parameter in policy.action_values.parameters():
        parameter.data.normal_()
    source = torch.randn(20, 9)
    monkeypatch.setattr(improving, "CHUNK", 7)
    actions, values = improving.propose(policy, policy.action_values, source, 8, 0.1)
    assert actions.shape == (3, 20, 8, 3)
    torch.testing.assert_close(values, policy.action_values(source, actions))


# -- bookkeeping ----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_any_number_of_minibatches_will_do(rows):
    policy = policy_of(*EVEN)
    improvement = improvement_of(policy, replace(FEW, policy_minibatches=4))
    rollout = rollout_of(policy, rows)
    assert improvement.fit_values(rollout).isfinite().all()
    assert improvement.fit_denoisers(improvement.weigh(rollout)).isfinite().all()
    assert all(parameter.isfinite().all() for parameter in policy.parameters())


def test_each_part_moves_its_own_networks_and_leaves_no_gradient():
    policy = policy_of(*EVEN)
    was, rollout, improvement = copy.deepcopy(policy), rollout_of(policy), improvement_of(policy)
    error = improvement.fit_values(rollout)
    assert moved_by(policy.action_values, was.action_values).all()
    assert not moved_by(policy.denoisers, was.denoisers).any()
    values = copy.deepcopy(policy.action_values)
    loss = improvement.fit_denoisers(improvement.weigh(rollout))
    assert moved_by(policy.denoisers, was.denoisers).all()
    assert not moved_by(policy.action_values, values).any()
    assert all(parameter.grad is None for parameter in policy.parameters())
    assert error.shape == loss.shape == (2,)


@pytest.mark.parametrize("kept", [0.0, 0.75])
def test_proposals_are_weighed_by_averaged_values(kept):
    policy = policy_of(*EVEN)
    rollout, was = rollout_of(policy), copy.deepcopy(policy.action_values)
    improvement = improvement_of(policy, replace(FEW, value_average=kept))
    improvement.fit_values(rollout)
    with torch.no_grad():
        for average, old, new in zip(
            was.parameters(), list(was.parameters()), policy.action_values.parameters(), strict=True
        ):
            average.copy_(kept * old + (1 - kept) * new)
        weighted = improvement.weigh(rollout)
        values = was(rollout.source, weighted.actions)
    expected = score_matching.marginal_weights(values, weighted.temperature)
    torch.testing.assert_close(weighted.weights, expected, rtol=1e-3, atol=1e-6)


def test_the_resumed_improvement_makes_the_same_steps():
    policy = policy_of(*EVEN)
    rollout, first = rollout_of(policy), improvement_of(policy)

    def step(improvement):
        torch.manual_seed(5)
        improvement.fit_values(rollout)
        improvement.fit_denoisers(improvement.weigh(rollout))
        return improvement.policy.state_dict()

    step(first)
    resumed, forgetful = (improvement_of(copy.deepcopy(policy)) for _ in range(2))
    resumed.load_state_dict(copy.deepcopy(first.state_dict()), RATE)
    on = step(first)
    for name, value in step(resumed).items():
        assert torch.equal(value, on[name]), name
    assert any(not torch.equal(value, on[name]) for name, value in step(forgetful).items())


@pytest.mark.parametrize(("own", "expected"), [(None, 0.3 * RATE), (7e-5, 2.1e-5)])
def test_both_rates_follow_rl_games_and_its_own_in_proportion(own, expected):
    improvement, resumed = (
        improvement_of(policy_of(*EVEN), replace(FEW, policy_lr=own)) for _ in range(2)
    )
    state = improvement.state_dict()
    improvement.set_rate(0.3 * RATE)
    resumed.load_state_dict(state, 0.3 * RATE)
    for one in (improvement, resumed):
        assert [group["lr"] for group in one.values.param_groups] == [0.3 * RATE]
        assert [group["lr"] for group in one.denoisers.param_groups] == pytest.approx([expected])


def test_ranks_share_gradients_and_temperatures():
    policy, shared = policy_of(*EVEN), []
    improvement = Improvement(policy, FEW, RATE, lambda tensors: shared.append(list(tensors)))
    rollout = rollout_of(policy)
    improvement.fit_values(rollout)
    assert len(shared) == 2 * 4 and len(shared[0]) == len(list(policy.action_values.parameters()))
    weighted = improvement.weigh(rollout)
    torch.testing.assert_close(shared[-1][0].exp(), weighted.temperature)
    improvement.fit_denoisers(weighted)
    assert len(shared) == 8 + 1 + 2 * 4
    assert len(shared[-1]) == len(list(policy.denoisers.parameters()))


def test_a_budget_counts_what_the_limit_leaves():
    policy = policy_of(*EVEN)
    settings = replace(FEW, tilt_limit=0.2, kl_budget=10.0)
    weighted = improvement_of(policy, settings).weigh(rollout_of(policy))
    ratio = weighted.weights.amax(dim=-1) / weighted.weights.amin(dim=-1)
    assert (ratio <= math.exp(2 * 0.2) * (1 + 1e-5)).all()
