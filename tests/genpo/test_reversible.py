"""Running the flow backwards gives the gradient that stored activations give, in flat memory."""

import pytest
import torch
from torch import nn

from rlg_genpo.genpo import coupled, reversible
from rlg_genpo.genpo.coupled import Coupling

B, D, C = 6, 2, 3

pytestmark = pytest.mark.usefixtures("double")

DIRECTIONS = {
    "couple": (coupled.couple, reversible.couple),
    "uncouple": (coupled.uncouple, reversible.uncouple),
}


class Field(nn.Module):
    """v(action, k; state, time), with a parameter that no velocity uses."""

    def __init__(self, steps):
        super().__init__()
        self.layer = nn.Linear(D + C, D)
        self.unused = nn.Parameter(torch.zeros(3))
        self.state = nn.Parameter(torch.randn(B, C))
        self.time = nn.Parameter(torch.randn(steps, D))

    def at(self, given):
        state, time = given
        return lambda half, k: torch.tanh(self.layer(torch.cat([half, state], -1)) + time[k])

    def whole(self):
        # what is computed for the states comes from upstream, and has a graph of its own
        given = (2 * self.state, self.time.square())
        return reversible.Field(self.at, given, (*self.layer.parameters(), self.unused))


def gradients(run, field, pair, coupling):
    """Loss, and its gradient to the pair and to every parameter, None where there is none."""
    pair = pair.clone().requires_grad_()
    inputs = (pair, *field.parameters())
    result = run(field.whole(), pair, coupling)
    weights = torch.linspace(-1, 1, 2 * D * B).reshape(B, 2 * D)
    loss = (weights * result.sin()).sum()
    return loss, torch.autograd.grad(loss, inputs, allow_unused=True)


def storing(direction):
    plain = DIRECTIONS[direction][0]
    return lambda field, pair, coupling: plain(field.at(field.given), pair, coupling)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("steps", "mix"), [(1, 1.0), (1, 0.9), (5, 0.9), (20, 0.9), (10, 0.7)])
def test_gradients_are_those_of_stored_activations(direction, steps, mix):
    field, pair = Field(steps), torch.randn(B, 2 * D)
    loss, expected = gradients(storing(direction), field, pair, Coupling(steps, mix))
    same, found = gradients(DIRECTIONS[direction][1], field, pair, Coupling(steps, mix))
    torch.testing.assert_close(same, loss, rtol=0, atol=1e-12)
    assert [g is None for g in found] == [g is None for g in expected]
    for one, other in zip(found, expected, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)
    assert sum(g is None for g in found) == 1  # the parameter that no velocity uses


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_gradients_pass_finite_differences(direction):
    field = Field(3)
    run = DIRECTIONS[direction][1]

    def result(pair, state, time):
        shared = reversible.Field(field.at, (state, time), tuple(field.layer.parameters()))
        return run(shared, pair, Coupling(3, 0.9))

    inputs = (torch.randn(B, 2 * D), torch.randn(B, C), torch.randn(3, D))
    assert torch.autograd.gradcheck(result, [x.requires_grad_() for x in inputs])


def test_shared_tensors_that_autograd_hands_one_gradient_get_their_own():
    first, second = torch.randn(B, D, requires_grad=True), torch.randn(B, D, requires_grad=True)
    third = torch.randn(3, requires_grad=True)
    pair = torch.randn(B, 2 * D)

    def at(given):
        one, other, whole = given
        return lambda half, k: torch.tanh(half) * whole.sum() + (one + other)

    given = (first, second, third)
    expected = torch.autograd.grad(
        coupled.couple(at(given), pair, Coupling(3, 0.9)).sin().sum(), given
    )
    field = reversible.Field(at, given, ())
    found = torch.autograd.grad(reversible.couple(field, pair, Coupling(3, 0.9)).sin().sum(), given)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_what_needs_no_gradient_gets_none():
    field = Field(3).requires_grad_(False)
    field.layer.weight.requires_grad_()
    pair = torch.randn(B, 2 * D)
    reversible.couple(field.whole(), pair, Coupling(3, 0.9)).sum().backward()
    expected = torch.autograd.grad(
        coupled.couple(field.at(field.whole().given), pair, Coupling(3, 0.9)).sum(),
        field.layer.weight,
    )
    torch.testing.assert_close(field.layer.weight.grad, *expected)
    assert field.layer.bias.grad is None and field.state.grad is None


def test_a_second_derivative_is_refused():
    field, pair = Field(2), torch.randn(B, 2 * D, requires_grad=True)
    (slope,) = torch.autograd.grad(
        reversible.couple(field.whole(), pair, Coupling(2, 0.9)).square().sum(),
        pair,
        create_graph=True,
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


def kept(run, steps):
    """Bytes that the graph of one flow keeps for its gradient."""
    field = Field(steps)
    saved = []

    def keep(tensor):
        saved.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run(field.whole(), torch.randn(B, 2 * D, requires_grad=True), Coupling(steps, 0.9))
    return sum(saved)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_it_keeps_does_not_grow_with_the_steps(direction):
    flat = DIRECTIONS[direction][1]
    # the steps' own embeddings, D wide, are inputs
    per_step = 2 * D * 8
    assert kept(flat, 40) - kept(flat, 5) <= 35 * per_step
    assert kept(storing(direction), 40) > 5 * kept(storing(direction), 5)
