"""Layers that compute what torch's own do, faster where a policy's small batches want it.

Both were measured before they were kept (``benchmarks/layers.py``).
"""

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
        # A compiler fuses torch's own, a GPU has one kernel for it.
        if input.device.type != "cpu" or torch.compiler.is_compiling():
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
