"""DDPL's thesis on a game of two agents: several modes find the global optimum, one does not."""

import math

import pytest
import torch

from examples.analysis import game_grid
from rlg_genpo.ddpl.config import AlgoConfig, DiffusionConfig
from rlg_genpo.ddpl.improvement import Improvement, Rollout
from rlg_genpo.ddpl.networks import Denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.envs.game import BEST, payoff
from tests.networks import action_values_of

SPREAD = 0.6


@pytest.fixture(scope="module")
def actions():
    return game_grid.grid()


@pytest.fixture(scope="module")
def table(actions):
    return game_grid.payoffs(actions)


def start(actions, mean=0.0, spread=SPREAD):
    return game_grid.normal(actions, mean, spread).expand(2, -1)


def test_the_optima_are_worth_six_tenths_and_one():
    corners = torch.tensor([[BEST, BEST], [BEST, -BEST], [-BEST, BEST], [-BEST, -BEST]])
    assert payoff(corners).tolist() == pytest.approx([1.0] * 4)
    assert payoff(torch.zeros(2)).item() == pytest.approx(0.6)


def test_each_optimum_is_one_and_nothing_is_worth_more(actions, table):
    assert table.max().item() == pytest.approx(1.0)
    middle = len(actions) // 2
    near = table[middle - 5 : middle + 6, middle - 5 : middle + 6]
    assert near.max().item() == pytest.approx(0.6)
    assert near.argmax().item() == near.numel() // 2, "the middle is no local optimum"


def test_payoff_between_the_optima_by_hand():
    # Half way, (0.3, 0.3): the local bump 0.6 exp(-0.18 / 0.32), the global exp(-0.18 / 0.125).
    assert payoff(torch.tensor([0.3, 0.3])).item() == pytest.approx(0.6 * math.exp(-0.5625))
    assert payoff(torch.tensor([0.45, -0.75])).item() == pytest.approx(math.exp(-0.36))


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0])
def test_mirror_descent_on_marginals_reaches_the_global_optimum(actions, table, temperature):
    for mean, spread in [(0.0, 0.6), (0.1, 0.6), (0.0, 0.5)]:
        begin = start(actions, mean, spread)
        end = game_grid.descend(table, actions, begin, 150, temperature)[-1]
        assert game_grid.expected(table, end) > 0.95


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0])
def test_its_projection_on_a_gaussian_stays_in_the_local_optimum(actions, table, temperature):
    for mean, spread in [(0.0, 0.6), (0.1, 0.6), (0.0, 0.5)]:
        begin = start(actions, mean, spread)
        end = game_grid.descend(table, actions, begin, 150, temperature, gaussian=True)[-1]
        assert 0.57 < game_grid.expected(table, end) < 0.62
        assert ((end * actions).sum(dim=-1).abs() < 0.05).all()


def test_the_projection_keeps_mean_and_variance(actions):
    policy = 0.5 * game_grid.normal(actions, torch.tensor([[-0.2], [0.1]]), 0.1)
    policy = policy + 0.5 * game_grid.normal(actions, 0.3, 0.05)
    normal = game_grid.project(policy, actions)
    for power in (1, 2):
        wanted = (policy * actions**power).sum(dim=-1)
        assert torch.allclose((normal * actions**power).sum(dim=-1), wanted, atol=2e-3)


def test_a_constant_payoff_keeps_the_density_as_it_is(actions, table):
    begin = start(actions)
    end = game_grid.descend(torch.full_like(table, 0.7), actions, begin, 50, 0.1)[-1]
    assert torch.allclose(end, begin, rtol=1e-9, atol=0)


def test_the_marginal_value_is_each_agents_own(actions):
    # The first agent's action pays a, the second's b^2: averages leave the other's mean standing.
    first, second = actions.unsqueeze(1), actions.unsqueeze(0)
    policies = torch.stack([start(actions, 0.2)[0], start(actions, -0.1)[0]])
    left, right = game_grid.marginal_value(first + second**2, policies)
    assert torch.allclose(left, actions + (policies[1] * actions**2).sum())
    assert torch.allclose(right, actions**2 + (policies[0] * actions).sum())


DIFFUSION = DiffusionConfig(
    units=(64, 64), activation="relu", time_embedding=4, time_units=(32,), spread=SPREAD
)


def team():
    return DDPL(
        Denoisers([1, 1], [1, 1], DIFFUSION),
        action_values_of([1, 1], [1, 1], [64, 64], "relu"),
    )


@pytest.mark.slow
def test_ddpl_reaches_the_global_optimum():
    policy = team()
    settings = AlgoConfig(
        proposal_noise=0.02,
        kl_budget=0.2,
        control_variate=0.0,
        value_average=0.0,
        policy_epochs=10,
        value_epochs=10,
    )
    improvement = Improvement(policy, settings, 1e-2, lambda tensors: None)
    nothing = torch.zeros(256, 2)
    epochs = 40
    for epoch in range(epochs):
        improvement.set_rate(1e-2 * (1 - epoch / epochs))
        stored = policy.act(nothing).stored
        reward = payoff(stored)
        rollout = Rollout(nothing, stored, (reward - reward.mean()) / reward.std())
        improvement.fit_values(rollout)
        improvement.fit_denoisers(improvement.weigh(rollout))
    assert payoff(policy.act(torch.zeros(4096, 2)).stored).mean() > 0.9
