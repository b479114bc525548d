"""Agents' networks side by side are the plain networks that they stand for, and stay apart."""

import math

import pytest
import torch
from torch import nn

from rlg_genpo.ddpl.config import DiffusionConfig
from rlg_genpo.ddpl.networks import Denoisers, TeamLinear, team_mlp

N, B = 3, 5

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
    layer, inputs = TeamLinear([6] * N, 4, bias=bias), torch.randn(N, B, 6)
    found = layer(inputs)
    for agent in range(N):
        torch.testing.assert_close(found[agent], plain(layer, agent)(inputs[agent]))


def test_it_is_drawn_as_torch_draws_and_each_agent_differently():
    layer, wide = TeamLinear([100] * N, 50), TeamLinear([4, 10_000], 50)
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
    team = team_mlp(N, [6, *units, 2], "tanh", scale)
    torch.manual_seed(1)
    whole = team_mlp(N, [6, *units, 2], "tanh")
    inputs = torch.randn(N, B, 6)
    assert (team[-1].bias == 0).all()
    torch.testing.assert_close(team(inputs), scale * whole(inputs))
    for agent in range(N):
        torch.testing.assert_close(team(inputs)[agent], plain_mlp(team, agent)(inputs[agent]))


def test_each_part_of_a_denoisers_first_layer_is_drawn_as_a_layer_of_its_own():
    """However long the state, the action is seen; each agent by its own sizes."""
    net = Denoisers([400, 25], [4, 1], DiffusionConfig(units=(500,)))
    for layer, sizes in ((net.from_state, (400, 25)), (net.from_action, (4, 1))):
        for agent, size in enumerate(sizes):
            reach = layer.weight[agent].abs().max().item()
            assert 0.98 / math.sqrt(size) < reach <= 1 / math.sqrt(size)
    assert net.from_action.bias is None
