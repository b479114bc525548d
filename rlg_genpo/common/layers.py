"""Layers and MLPs, some faster than torch's own where a policy's small batches want it.

B batch, D action size, C width of what a state is given as, H width of the first hidden layer. What
differs from torch was measured before it was kept (``benchmarks/layers.py``).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class NarrowLinear(nn.Linear):
    """``nn.Linear`` for few outputs, computed and laid out feature by feature.

    (B, inputs) to (B, outputs), as the transpose of a contiguous (outputs, B). MKL takes up to
    three times as long for the same product row by row when outputs are few; gradients gain alike.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 2:
            return super().forward(input)
        if self.bias is None:
            return torch.mm(self.weight, input.t()).t()
        return torch.addmm(self.bias.unsqueeze(-1), self.weight, input.t()).t()


class Mish(nn.Mish):
    """``nn.Mish``, x tanh(softplus(x)), by one sigmoid where torch's own is slow: on a CPU."""

    def forward(self, input: Tensor) -> Tensor:
        # A compiler fuses torch's own, a GPU has one kernel for it, an exporter knows no other.
        tracing = torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        if tracing or torch.compiler.is_compiling() or input.device.type != "cpu":
            return functional.mish(input)
        if input.dtype in (torch.bfloat16, torch.float16):  # of which each step would round
            return _Mish.apply(input.float()).to(input.dtype)
        return _Mish.apply(input)


class _Mish(torch.autograd.Function):
    """With q = sigmoid(-x): tanh(softplus(x)) = (1 - q^2) / (1 + q^2) = 2 / (1 + q^2) - 1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        q = torch.sigmoid(x.neg())
        return q.mul_(q).add_(1).reciprocal_().mul_(2).sub_(1).mul_(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # someone wants the second derivative
            inner = torch.tanh(functional.softplus(x))
            return grad * (inner + x * torch.sigmoid(x) * (1 - inner.square()))
        # tanh(softplus(x)) + 4 x sigmoid(x) (q / (1 + q^2))^2
        sigmoid = torch.sigmoid(x)
        q = 1 - sigmoid
        inverse = torch.mul(q, q).add_(1).reciprocal_()
        slope = q.mul_(inverse).square_().mul_(sigmoid).mul_(x)
        return grad * inverse.mul_(2).sub_(1).add_(slope, alpha=4)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "mish": Mish,
    "elu": nn.ELU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
    "selu": nn.SELU,
}


def mlp(inputs: int, units: Sequence[int], outputs: int, activation: str) -> nn.Sequential:
    """Linear layers of widths ``units`` with an activation after each, then a linear output."""
    hidden, width = hidden_layers(inputs, units, activation)
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def hidden_layers(
    inputs: int, units: Sequence[int], activation: str
) -> tuple[list[nn.Module], int]:
    """The hidden layers with their activations, and the width of the last."""
    layers: list[nn.Module] = []
    for width in units:
        layers += [nn.Linear(inputs, width), ACTIVATIONS[activation]()]
        inputs = width
    return layers, inputs


def scale_output(layer: nn.Linear, scale: float) -> None:
    """Multiply a layer's initial weight by ``scale`` and zero its bias, in place."""
    with torch.no_grad():
        layer.weight.mul_(scale)
        layer.bias.zero_()


class SplitMLP(nn.Module):
    """(state (B, C), action (B, D)) to (B, D), with its first layer split by what changes when.

    The first layer of a plain MLP on concat(state, action) is linear, so that the state's part can
    be computed once per state and only the action's part, D wide, as often as the action changes.

    ``low_precision``, off at first, computes all but the first layer in bfloat16.

    Args:
        condition_dim: C, of an observation or of features.
        action_dim: D.
        units: hidden widths, at least one.
        activation: a key of :data:`ACTIVATIONS`.
        output_scale: factor on the last layer's initial weight; its bias starts at zero.
        extra_dim: inputs of the first layer that a subclass adds, for the initial weights' bound.
    """

    def __init__(
        self,
        condition_dim: int,
        action_dim: int,
        units: Sequence[int],
        activation: str,
        output_scale: float,
        extra_dim: int = 0,
    ) -> None:
        super().__init__()
        self.low_precision = False
        self.condition_dim, self.action_dim = condition_dim, action_dim
        first = units[0]
        # The parts are one layer of a plain MLP: same bound as nn.Linear would draw.
        self.bound = 1 / math.sqrt(condition_dim + action_dim + extra_dim)
        self.from_condition = nn.Linear(condition_dim, first)
        self.from_action = nn.Linear(action_dim, first, bias=False)
        for parameter in (*self.from_condition.parameters(), *self.from_action.parameters()):
            nn.init.uniform_(parameter, -self.bound, self.bound)
        hidden, width = hidden_layers(first, units[1:], activation)
        output = NarrowLinear(width, action_dim)
        scale_output(output, output_scale)
        self.rest = nn.Sequential(ACTIVATIONS[activation](), *hidden, output)

    def of_state(self, source: Tensor) -> Tensor:
        """The state's part of the first layer, (B, H), from the last C columns of (B, at least C).

        Others stand before them where a policy sees more than this network does.
        """
        return self.from_condition(source[..., -self.condition_dim :])

    def finish(self, state: Tensor, action: Tensor) -> Tensor:
        """Everything after the state's part, (B, H): adds the action's, then the other layers."""
        weight = self.from_action.weight.t()
        if torch.is_grad_enabled():
            # The copy makes the weight's gradient a product of the same, fast kind.
            weight = weight.contiguous()
        first = torch.addmm(state, action, weight)
        if not self.low_precision:
            return self.rest(first)
        with torch.autocast(first.device.type, dtype=torch.bfloat16):
            return self.rest(first.bfloat16()).to(first.dtype)

    def forward(self, source: Tensor, action: Tensor) -> Tensor:
        return self.finish(self.of_state(source), action)
