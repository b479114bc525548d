"""The split MLP is a plain one on concat(state, action), and starts where it is told to."""

import math

import pytest
import torch
from torch import nn

from rlg_genpo.common.layers import SplitMLP

C, D, B = 6, 2, 5

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def split():
    return SplitMLP(C, D, [16, 8], "tanh", 1.0)


def test_it_is_a_plain_mlp_on_everything_at_once(split):
    whole = nn.Linear(C + D, 16)
    with torch.no_grad():
        whole.weight.copy_(torch.cat([split.from_condition.weight, split.from_action.weight], 1))
        whole.bias.copy_(split.from_condition.bias)
    plain = nn.Sequential(whole, nn.Tanh(), split.rest[1], nn.Tanh(), split.rest[3])
    source, action = torch.randn(B, C), torch.randn(B, D)
    torch.testing.assert_close(split(source, action), plain(torch.cat([source, action], dim=-1)))


def test_the_states_part_may_be_computed_once(split):
    source, actions = torch.randn(B, C), torch.randn(3, B, D)
    state = split.from_condition(source)
    for action in actions:
        assert torch.equal(split.finish(state, action), split(source, action))


@pytest.mark.parametrize("extra", [0, 10])
def test_the_first_layer_is_drawn_as_one_linear_layer(extra):
    split = SplitMLP(30, 20, [400], "relu", 1.0, extra_dim=extra)
    bound = 1 / math.sqrt(50 + extra)
    for weight in (
        split.from_condition.weight,
        split.from_action.weight,
        split.from_condition.bias,
    ):
        assert weight.abs().max().item() <= bound
        # Uniform on [-bound, bound]
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("units", [[16], [16, 16, 16]])
@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0])
def test_the_output_starts_in_proportion_to_its_scale(units, scale):
    torch.manual_seed(1)
    scaled = SplitMLP(C, D, units, "silu", scale)
    torch.manual_seed(1)
    whole = SplitMLP(C, D, units, "silu", 1.0)
    source, action = torch.randn(B, C), torch.randn(B, D)
    assert (scaled.rest[-1].bias == 0).all()
    torch.testing.assert_close(scaled(source, action), scale * whole(source, action))


def test_every_parameter_receives_a_gradient(split):
    split(torch.randn(B, C), torch.randn(B, D)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in split.parameters())


def test_a_batch_of_one_keeps_its_dimension(split):
    assert split(torch.randn(1, C), torch.randn(1, D)).shape == (1, D)
