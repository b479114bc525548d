"""Layers that are faster than torch's own compute the same."""

import pytest
import torch
from torch import nn
from torch.func import jacrev, vmap
from torch.nn import functional

from rlg_genpo.common.layers import Mish, NarrowLinear

pytestmark = pytest.mark.usefixtures("double")


def twin(inputs, outputs, bias=True):
    layer, plain = NarrowLinear(inputs, outputs, bias), nn.Linear(inputs, outputs, bias)
    plain.load_state_dict(layer.state_dict())
    return layer, plain


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (7,), (2, 5, 7), (0, 7)])
def test_narrow_linear_is_linear(shape, bias):
    layer, plain = twin(7, 3, bias)
    x = torch.randn(shape)
    torch.testing.assert_close(layer(x), plain(x))


def test_narrow_linear_has_the_gradients_of_linear():
    layer, plain = twin(7, 3)
    x = torch.randn(5, 7, requires_grad=True)
    found = torch.autograd.grad(layer(x).sin().sum(), (x, *layer.parameters()))
    expected = torch.autograd.grad(plain(x).sin().sum(), (x, *plain.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_narrow_linear_lies_feature_by_feature():
    layer, _ = twin(7, 3)
    result = layer(torch.randn(5, 7))
    assert result.shape == (5, 3) and result.t().is_contiguous()


def test_mish_is_mish_with_its_first_two_derivatives():
    x = torch.linspace(-60, 60, 501, requires_grad=True)
    torch.testing.assert_close(Mish()(x), functional.mish(x), rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(Mish(), x[::10].detach().requires_grad_())
    (slope,) = torch.autograd.grad(Mish()(x).sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad(functional.mish(x).sum(), x, create_graph=True)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-14)
    (curve,) = torch.autograd.grad(slope.sum(), x)
    (expected,) = torch.autograd.grad(expected.sum(), x)
    torch.testing.assert_close(curve, expected, rtol=1e-10, atol=1e-12)


def test_mish_in_float32_errs_no_more_than_a_layer_does():
    x = torch.linspace(-100, 100, 10_001)
    rounded = Mish()(x.float()).double()
    assert (rounded - functional.mish(x.float().double())).abs().max().item() < 1e-5
    assert rounded.isfinite().all()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_mish_in_half_precision_rounds_once(kind):
    x = torch.linspace(-12, 12, 500).to(kind)
    assert torch.equal(Mish()(x), Mish()(x.float()).to(kind))
    assert Mish()(x).dtype == kind


def test_mish_leaves_its_input_alone_and_takes_func_transforms():
    x = torch.randn(4, 3)
    before = x.clone()
    jacobians = vmap(jacrev(Mish()))(x)
    expected = vmap(jacrev(lambda row: row * torch.tanh(functional.softplus(row))))(x)
    torch.testing.assert_close(jacobians, expected)
    assert torch.equal(x, before)
