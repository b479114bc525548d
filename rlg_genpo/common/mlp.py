"""Multi-layer perceptrons by activation name."""

from collections.abc import Sequence

import torch
from torch import nn

from rlg_genpo.common.layers import Mish

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
