"""The split first layer is one layer, and the velocity starts near zero."""

import math

import pytest
import torch
from torch import nn

from rlg_genpo.common.velocity import Condition
from tests.networks import velocity_of

C, D, N, B = 6, 2, 4, 5

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def velocity():
    return velocity_of(C, D, N, [16, 8], "tanh", 4, [8], output_scale=1.0)


def test_the_first_layer_is_one_linear_layer_on_everything_at_once(velocity):
    parts = (velocity.from_condition, velocity.from_action, velocity.from_time)
    whole = nn.Linear(C + D + 4, 16)
    with torch.no_grad():
        whole.weight.copy_(torch.cat([part.weight for part in parts], dim=1))
        whole.bias.copy_(velocity.from_condition.bias)
    source, half = torch.randn(B, C), torch.randn(B, D)
    condition = velocity.condition(source)
    for k in range(N):
        time = velocity.time()[k].expand(B, -1)
        expected = velocity.rest(whole(torch.cat([source, half, time], dim=-1)))
        torch.testing.assert_close(velocity(condition, half, k), expected)


def test_the_first_layer_is_drawn_as_one_linear_layer():
    velocity = velocity_of(30, 20, N, [400], time_embedding=10)
    bound = 1 / math.sqrt(30 + 20 + 10)
    parts = (velocity.from_condition, velocity.from_action, velocity.from_time)
    for weight in [part.weight for part in parts] + [velocity.from_condition.bias]:
        assert weight.abs().max().item() <= bound
        # Uniform on [-bound, bound]
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("units", [[16], [64, 64], [256, 128, 64]])
def test_it_starts_near_zero(units):
    velocity = velocity_of(C, D, N, units)
    condition, half = velocity.condition(torch.randn(500, C)), torch.randn(500, D)
    moved = velocity(condition, half, 0)
    assert 0 < moved.abs().max().item() < 0.05
    still = velocity_of(C, D, N, units, output_scale=0.0)
    assert (still(still.condition(torch.randn(500, C)), half, 0) == 0).all()


def test_it_depends_on_the_state_the_action_and_the_step(velocity):
    source, half = torch.randn(B, C), torch.randn(B, D)
    here = velocity(velocity.condition(source), half, 1)
    for there in (
        velocity(velocity.condition(source + 1), half, 1),
        velocity(velocity.condition(source), half + 1, 1),
        velocity(velocity.condition(source), half, 2),
    ):
        assert (here - there).abs().min().item() > 1e-6


def test_at_is_the_velocity_as_the_maths_wants_it(velocity):
    condition, half = velocity.condition(torch.randn(B, C)), torch.randn(B, D)
    assert torch.equal(velocity.at(condition)(half, 3), velocity(condition, half, 3))


def test_rows_of_a_condition_are_evenly_spread(velocity):
    source, half = torch.randn(B, C), torch.randn(B, D)
    condition = velocity.condition(source)
    assert isinstance(condition, Condition)
    assert (condition.state.shape, condition.time.shape) == ((B, 16), (N, 16))
    rows = [0, B // 2]
    some = condition.rows(2)
    torch.testing.assert_close(velocity(some, half[rows], 1), velocity(condition, half, 1)[rows])
    torch.testing.assert_close(condition.rows(B).state, condition.state)


@pytest.mark.parametrize("count", [1, 3, 4, 10])
def test_between_the_steps_row_i_stands_at_time_i_in_turn(velocity, count):
    """Whatever the batch's size: fewer rows than times, as many, or a part of a turn more."""
    source, half = torch.randn(count, C), torch.randn(count, D)
    condition = velocity.condition(source)
    found = velocity.between(source, half, torch.arange(N) / N)
    assert found.shape == (count, D)
    for row in range(count):
        expected = velocity(condition, half, row % N)[row]
        torch.testing.assert_close(found[row], expected)


def test_between_is_smooth_in_time(velocity):
    source, half = torch.randn(1, C), torch.randn(1, D)
    here, near, far = (
        velocity.between(source, half, torch.tensor([time])) for time in (0.3, 0.3 + 1e-6, 0.9)
    )
    assert (here - near).abs().max().item() < 1e-4 < (here - far).abs().max().item()


def test_between_trains_every_parameter(velocity):
    source, half = torch.randn(B, C), torch.randn(B, D)
    velocity.between(source, half, torch.rand(B)).square().sum().backward()
    for name, parameter in velocity.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
