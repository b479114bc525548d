"""Agents' networks side by side are the plain networks that they stand for, and stay apart."""

import math

import pytest
import torch
from torch import nn

from rlg_genpo.ddpl.networks import TeamLinear, TeamSplitMLP, team_mlp

N, B, K = 3, 5, 4

pytestmark = pytest.mark.usefixtures("double")


def plain(layer, agent):
    """Agent i's part of a TeamLinear as torch's own layer."""
    linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[2], bias=layer.bias is not None)
    with torch.no_grad():
        linear.weight.copy_(layer.weight[agent].T)
        if layer.bias is not None:
            linear.bias.copy_(layer.bias[agent, 0])
    return linear


def plain_mlp(team, agent):
    return nn.Sequential(
        *(plain(part, agent) if isinstance(part, TeamLinear) else part for part in team)
    )


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_n_linear_layers(bias):
    layer, inputs = TeamLinear(N, 6, 4, bias=bias), torch.randn(N, B, 6)
    found = layer(inputs)
    for agent in range(N):
        torch.testing.assert_close(found[agent], plain(layer, agent)(inputs[agent]))


def test_it_is_drawn_as_torch_draws_and_each_agent_differently():
    layer, wide = TeamLinear(N, 100, 50), TeamLinear(2, 100, 50, bounds=[0.5, 0.01])
    for parameter in (layer.weight, layer.bias):
        assert parameter.abs().max().item() <= 1 / math.sqrt(100)
        assert parameter.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.15)
        assert not torch.equal(parameter[0], parameter[1])
    for agent, bound in enumerate((0.5, 0.01)):
        for parameter in (wide.weight[agent], wide.bias[agent]):
            assert 0.9 * bound < parameter.abs().max().item() <= bound


@pytest.mark.parametrize("units", [[], [8], [8, 6]], ids=str)
@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0])
def test_the_mlp_is_n_mlps_and_starts_in_proportion_to_its_scale(units, scale):
    torch.manual_seed(1)
    team = team_mlp(N, 6, units, 2, "tanh", scale)
    torch.manual_seed(1)
    whole = team_mlp(N, 6, units, 2, "tanh")
    inputs = torch.randn(N, B, 6)
    assert (team[-1].bias == 0).all()
    torch.testing.assert_close(team(inputs), scale * whole(inputs))
    for agent in range(N):
        torch.testing.assert_close(team(inputs)[agent], plain_mlp(team, agent)(inputs[agent]))


STATES, ACTIONS = [4, 2, 3], [1, 3, 2]


def split_mlp():
    return TeamSplitMLP(STATES, ACTIONS, [16, 8], 2, "silu", 1.0)


def side_by_side(sizes, *rows):
    """Random inputs (n, *rows, W), zero where an agent has fewer than W."""
    real = torch.arange(max(sizes)) < torch.tensor(sizes).unsqueeze(-1)
    return torch.randn(len(sizes), *rows, max(sizes)) * real.reshape(N, *[1] * len(rows), -1)


def test_the_split_mlp_is_n_plain_mlps_on_everything_at_once():
    split = split_mlp()
    state, action = side_by_side(STATES, B), side_by_side(ACTIONS, B)
    found = split.finish(split.from_state(state), action)
    for agent, (wide, narrow) in enumerate(zip(STATES, ACTIONS, strict=True)):
        first = nn.Linear(wide + narrow, 16)
        with torch.no_grad():
            parts = split.from_state.weight[agent, :wide], split.from_action.weight[agent, :narrow]
            first.weight.copy_(torch.cat(parts).T)
            first.bias.copy_(split.from_state.bias[agent, 0])
        whole = nn.Sequential(first, *plain_mlp(split.rest, agent))
        inputs = torch.cat([state[agent, :, :wide], action[agent, :, :narrow]], dim=-1)
        torch.testing.assert_close(found[agent], whole(inputs))


def test_several_actions_share_their_states_part():
    split, state = split_mlp(), side_by_side(STATES, B)
    action = side_by_side(ACTIONS, B, K)
    part = split.from_state(state)
    found = split.finish(part.unsqueeze(2), action)
    assert found.shape == (N, B, K, 2)
    each = split.finish(part.unsqueeze(2).expand(-1, -1, K, -1), action)
    torch.testing.assert_close(found, each)
    for k in range(K):
        torch.testing.assert_close(found[:, :, k], split.finish(part, action[:, :, k]))


def test_each_part_of_the_first_layer_is_drawn_as_a_layer_of_its_own():
    """However long the state, the action is seen; each agent by its own sizes."""
    split = TeamSplitMLP([400, 25], [4, 1], [500], 1, "relu", 1.0)
    for layer, sizes in ((split.from_state, (400, 25)), (split.from_action, (4, 1))):
        for agent, size in enumerate(sizes):
            reach = layer.weight[agent].abs().max().item()
            assert 0.98 / math.sqrt(size) < reach <= 1 / math.sqrt(size)
    assert split.from_action.bias is None


def test_an_agents_output_teaches_its_own_row_of_every_parameter():
    split = split_mlp()
    found = split.finish(split.from_state(side_by_side(STATES, B)), side_by_side(ACTIONS, B))
    for agent in range(N):
        gradients = torch.autograd.grad(
            found[agent].square().sum(), list(split.parameters()), retain_graph=True
        )
        for gradient in gradients:
            rows = gradient.flatten(1).abs().amax(dim=1)
            assert torch.equal(rows > 0, torch.arange(N) == agent)
