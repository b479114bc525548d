"""The coupled flow with gradients that store no activations: memory flat in the number of steps.

The flow is invertible, so that backpropagation can walk it in reverse: at each step it recovers the
states from those after it, evaluates the velocity there once more and pulls the gradient through
it. One velocity is alive at a time, whatever N; the price is a third evaluation beside the two that
the flow and its gradient take. The idea is that of "The Reversible Residual Network", 2017,
https://arxiv.org/abs/1707.04585.

States are recovered up to rounding: exactly as well as :func:`coupled.uncouple` undoes
:func:`coupled.couple`. Shapes are those of :mod:`rlg_genpo.genpo.coupled`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rlg_genpo.genpo import coupled

#: halves x and y of the doubled action, and the gradients to them
Halves = tuple[Tensor, Tensor, Tensor, Tensor]


class Field(NamedTuple):
    """A velocity, and all that its gradient goes to beside the action.

    The velocity must be deterministic; what it depends on and is not named here gets no gradient.
    """

    #: from tensors in place of ``given``, the velocity that depends on them
    at: Callable[[Sequence[Tensor]], coupled.Velocity]
    given: tuple[Tensor, ...]  # what was computed for the states: any shapes
    parameters: tuple[Tensor, ...]  # leaves that the velocity uses


def couple(field: Field, z: Tensor, coupling: coupled.Coupling) -> Tensor:
    """:func:`coupled.couple` with this module's gradient."""
    way = _Way(coupled.couple, _before_couple, -1)
    return _Flow.apply(way, field, coupling, z, *field.given, *field.parameters)


def uncouple(field: Field, action: Tensor, coupling: coupled.Coupling) -> Tensor:
    """:func:`coupled.uncouple` with this module's gradient."""
    way = _Way(coupled.uncouple, _before_uncouple, 1)
    return _Flow.apply(way, field, coupling, action, *field.given, *field.parameters)


class _Way(NamedTuple):
    """A direction of the flow."""

    flow: Callable[[coupled.Velocity, Tensor, coupled.Coupling], Tensor]
    before: "Callable[[_Pull, int, float, float, Halves], Halves]"  # undoes step k
    backwards: int  # 1 where the flow itself takes the last index first, else -1


class _Flow(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, way: _Way, field: Field, coupling: Any, pair: Tensor, *tensors: Tensor
    ) -> Tensor:
        given = tensors[: len(field.given)]
        result = way.flow(field.at(given), pair, coupling)
        ctx.way, ctx.field, ctx.coupling = way, field, coupling
        ctx.save_for_backward(result, *tensors)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        result, *tensors = ctx.saved_tensors
        pull = _Pull(ctx.field, tensors, ctx.needs_input_grad[4:])
        halves = (*result.chunk(2, dim=-1), *grad.chunk(2, dim=-1))
        for k in ctx.coupling.indices[:: ctx.way.backwards]:
            halves = ctx.way.before(pull, k, ctx.coupling.h, ctx.coupling.mix, halves)
        own = coupled.joined(*halves[2:]) if ctx.needs_input_grad[3] else None
        return None, None, None, own, *pull.sums


class _Pull:
    """Evaluates the velocity with its gradient, and sums up what goes to the shared tensors."""

    def __init__(self, field: Field, tensors: list[Tensor], wanted: Sequence[bool]) -> None:
        count = len(field.given)
        pairs = zip(tensors[:count], wanted[:count], strict=True)
        given = [tensor.detach().requires_grad_(needed) for tensor, needed in pairs]
        self.velocity = field.at(given)
        shared = (*given, *field.parameters)
        self.places = [place for place, needed in enumerate(wanted) if needed]
        self.inputs = [shared[place] for place in self.places]
        self.sums: list[Tensor | None] = [None] * len(shared)

    def __call__(self, half: Tensor, k: int, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity at ``half``, and the gradient to ``half`` of <velocity, ``grad``>."""
        with torch.enable_grad():
            half = half.detach().requires_grad_()
            value = self.velocity(half, k)
        own, *others = torch.autograd.grad(value, (half, *self.inputs), grad, allow_unused=True)
        for place, other in zip(self.places, others, strict=True):
            if other is not None:
                # Not in place: autograd may hand out one tensor for two, or an expanded one.
                total = self.sums[place]
                self.sums[place] = other if total is None else total + other
        return value.detach(), own


def _before_couple(pull: _Pull, k: int, h: float, p: float, halves: Halves) -> Halves:
    """From after step k of N = 1/h of :func:`coupled.couple` to before it; p is the mix."""
    x, y, grad_x, grad_y = halves
    y = torch.lerp(x, y, 1 / p)
    grad_x, grad_y = torch.add(grad_x, grad_y, alpha=1 - p), p * grad_y
    x = torch.lerp(y, x, 1 / p)
    grad_y, grad_x = torch.add(grad_y, grad_x, alpha=1 - p), p * grad_x
    velocity, grad = pull(x, k, h * grad_y)
    y, grad_x = torch.sub(y, velocity, alpha=h), grad_x + grad
    velocity, grad = pull(y, k, h * grad_x)
    x, grad_y = torch.sub(x, velocity, alpha=h), grad_y + grad
    return x, y, grad_x, grad_y


def _before_uncouple(pull: _Pull, k: int, h: float, p: float, halves: Halves) -> Halves:
    """The same of :func:`coupled.uncouple`, whose steps run from the last index to the first."""
    x, y, grad_x, grad_y = halves
    velocity, grad = pull(y, k, -h * grad_x)
    x, grad_y = torch.add(x, velocity, alpha=h), grad_y + grad
    velocity, grad = pull(x, k, -h * grad_y)
    y, grad_x = torch.add(y, velocity, alpha=h), grad_x + grad
    x = torch.lerp(y, x, p)
    grad_y, grad_x = torch.sub(grad_y, grad_x, alpha=(1 - p) / p), grad_x / p
    y = torch.lerp(x, y, p)
    grad_x, grad_y = torch.sub(grad_x, grad_y, alpha=(1 - p) / p), grad_y / p
    return x, y, grad_x, grad_y
