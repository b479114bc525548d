"""Multi-layer perceptrons by activation name."""

from collections.abc import Sequence

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "mish": nn.Mish,
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
    hidden, output = mlp_parts(inputs, units, outputs, activation)
    return nn.Sequential(*hidden, output)


def mlp_parts(
    inputs: int, units: Sequence[int], outputs: int, activation: str
) -> tuple[list[nn.Module], nn.Linear]:
    """The hidden layers with their activations, and the output layer."""
    hidden: list[nn.Module] = []
    for width in units:
        hidden += [nn.Linear(inputs, width), ACTIVATIONS[activation]()]
        inputs = width
    return hidden, nn.Linear(inputs, outputs)


def scale_output(layer: nn.Linear, scale: float) -> None:
    """Multiply a layer's initial weight by ``scale`` and zero its bias, in place."""
    with torch.no_grad():
        layer.weight.mul_(scale)
        layer.bias.zero_()
