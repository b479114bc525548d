"""Perceptrons by name."""

import pytest
import torch
from torch import nn

from rlg_genpo.common.layers import ACTIVATIONS, mlp, scale_output


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layers_alternate_and_end_linear(activation):
    network = mlp(3, [5, 4], 2, activation)
    kinds = [type(layer) for layer in network]
    kind = ACTIVATIONS[activation]
    assert kinds == [nn.Linear, kind, nn.Linear, kind, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in network[::2]] == [(5, 3), (4, 5), (2, 4)]


def test_without_hidden_layers_it_is_one_linear_layer():
    assert [type(layer) for layer in mlp(3, [], 2, "elu")] == [nn.Linear]


def test_scale_output_scales_the_weight_and_zeroes_the_bias():
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    scale_output(layer, 0.25)
    torch.testing.assert_close(layer.weight, 0.25 * before)
    assert (layer.bias == 0).all() and layer.weight.requires_grad
