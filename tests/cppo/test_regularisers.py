"""The kernel's regularisers are the divergences that they are said to be."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from rlg_genpo.common import gaussian
from rlg_genpo.cppo import regularisers as kernels

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def kernel():
    """delta, a_k and log sigma of a batch of 9 in 4 dimensions."""
    return torch.randn(9, 4), torch.randn(9, 4), 0.3 * torch.randn(4)


def test_langevin_is_twice_the_divergence_from_a_langevin_step(kernel):
    delta, reference, log_sigma = kernel
    sigma = log_sigma.exp()
    step = reference - 0.5 * sigma.square() * reference  # the score of N(0, I) at a_k is -a_k
    divergence = gaussian.kl(reference + delta, log_sigma, step, log_sigma)
    torch.testing.assert_close(kernels.langevin(delta, reference, sigma), 2 * divergence)


def test_shrinkage_is_twice_the_divergence_from_staying_put(kernel):
    delta, reference, log_sigma = kernel
    divergence = gaussian.kl(reference + delta, log_sigma, reference, log_sigma)
    found = kernels.shrinkage(delta, log_sigma.exp())
    torch.testing.assert_close(found, 2 * divergence)


def test_towards_a_narrower_normal_the_step_is_larger(kernel):
    delta, reference, log_sigma = kernel
    sigma = log_sigma.exp()
    step = reference - 0.5 * sigma.square() * reference / 0.3**2  # the score is -a_k / scale^2
    divergence = gaussian.kl(reference + delta, log_sigma, step, log_sigma)
    found = kernels.langevin(delta, reference, sigma, scale=0.3)
    torch.testing.assert_close(found, 2 * divergence)


def test_kl_old_is_twice_the_divergence_from_the_rollouts_kernel(kernel):
    delta, reference, log_sigma = kernel
    mean, sigma = reference + delta, log_sigma.exp().expand_as(reference)
    law, old = Normal(mean, sigma), Normal(mean + 0.3, 1.4 * sigma)
    found = kernels.kl_old(mean, sigma, mean + 0.3, 1.4 * sigma)
    torch.testing.assert_close(found, 2 * kl_divergence(old, law).sum(dim=-1))


@pytest.mark.parametrize("regulariser", ["langevin", "shrinkage"])
def test_they_move_the_mean_and_not_sigma(kernel, regulariser):
    delta, reference, log_sigma = (part.requires_grad_() for part in kernel)
    inputs = (delta, reference) if regulariser == "langevin" else (delta,)
    getattr(kernels, regulariser)(*inputs, log_sigma.exp()).sum().backward()
    assert log_sigma.grad is None
    assert delta.grad.abs().min() > 0


def test_a_kernel_at_the_langevin_steps_minimum_keeps_the_standard_normal():
    """One step of a_k' = a_k - s^2/2 a_k + s eps from N(0, 1) has variance 1 + s^4/4."""
    sigma, reference = torch.tensor([0.5]), torch.randn(400_000, 1)
    delta = -0.5 * sigma.square() * reference
    assert kernels.langevin(delta, reference, sigma).abs().max() == 0
    after = reference + delta + sigma * torch.randn_like(reference)
    error = 5 * (2 / 400_000) ** 0.5  # five standard errors of a Gaussian's variance
    assert after.var().item() == pytest.approx(1 + 0.5**4 / 4, abs=error * 1.1)
