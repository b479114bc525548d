"""Regularisers of conditional PPO's kernel, each (B, D) to (B,).

Source: "Diffusion Policy through Conditional Proximal Policy Optimization" (CPPO), 2026,
https://arxiv.org/abs/2603.04790. The purpose, aligning the kernel with one Langevin step towards
the standard normal, is the paper's; the form is inferred.
B batch, D action size; ``reference`` is the frozen flow's sample, a_k, and sigma the kernel's
standard deviation. On a Gaussian base all are in its units, and the kernel's pull towards the
base's mean comes on top.
"""

from torch import Tensor

from rlg_genpo.common import gaussian


def langevin(delta: Tensor, reference: Tensor, sigma: Tensor, scale: float = 1.0) -> Tensor:
    """|delta + sigma^2/2 a_k / scale^2|^2 / sigma^2, with no gradient to sigma.

    This is twice the KL between the kernel and N(a_k - sigma^2/2 a_k / scale^2, sigma^2), the
    distribution after one Langevin step of size sigma^2/2 from a_k towards N(0, scale^2 I).
    """
    sigma = sigma.detach()
    return ((delta + 0.5 * (sigma / scale).square() * reference) / sigma).square().sum(dim=-1)


def shrinkage(delta: Tensor, sigma: Tensor) -> Tensor:
    """|delta|^2 / sigma^2, with no gradient to sigma: twice the KL to the kernel that stays put."""
    return (delta / sigma.detach()).square().sum(dim=-1)


def kl_old(mean: Tensor, sigma: Tensor, old_mean: Tensor, old_sigma: Tensor) -> Tensor:
    """Twice KL(old kernel || kernel), so that one coefficient serves all three."""
    return 2 * gaussian.kl(old_mean, old_sigma.log(), mean, sigma.log())
