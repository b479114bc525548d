"""Regularisers of conditional PPO's kernel N(a_k + delta, diag sigma^2), each (B, D) to (B,).

Source: "Conditional PPO" (CPPO), 2026, https://arxiv.org/abs/2603.04790. The purpose, aligning the
kernel with one Langevin step towards the standard normal, is the paper's; the form is inferred.
B batch, D action size; ``reference`` is a_k, the frozen flow's sample.
"""

from torch import Tensor


def langevin(delta: Tensor, reference: Tensor, sigma: Tensor) -> Tensor:
    """|delta + sigma^2/2 a_k|^2 / sigma^2, with no gradient to sigma.

    Twice the KL between the kernel and the law of one Langevin step of size sigma^2/2 towards
    N(0, I) from a_k, which is N(a_k - sigma^2/2 a_k, sigma^2).
    """
    sigma = sigma.detach()
    return ((delta + 0.5 * sigma.square() * reference) / sigma).square().sum(dim=-1)


def shrinkage(delta: Tensor, reference: Tensor, sigma: Tensor) -> Tensor:
    """|delta|^2 / sigma^2, with no gradient to sigma: twice the KL to the kernel that stays put."""
    return (delta / sigma.detach()).square().sum(dim=-1)
