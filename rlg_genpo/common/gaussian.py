"""Diagonal Gaussians N(mean, diag sigma^2) over actions: density, entropy, divergence.

D action size; means and sigmas have shape (..., D), results (...,), in nats.
"""

import math

from torch import Tensor


def neglogp(action: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
    """-log density of actions (..., D); ``log_sigma`` broadcasts, so it may be (D,)."""
    standardised = (action - mean) * (-log_sigma).exp()
    return (0.5 * standardised.square() + log_sigma + 0.5 * math.log(2 * math.pi)).sum(dim=-1)


def entropy(log_sigma: Tensor) -> Tensor:
    """Differential entropy, (..., D) to (...,): sum of log(sigma sqrt(2 pi e))."""
    return (log_sigma + 0.5 * math.log(2 * math.pi * math.e)).sum(dim=-1)


def kl(mean: Tensor, log_sigma: Tensor, other_mean: Tensor, other_log_sigma: Tensor) -> Tensor:
    """KL(N(mean, sigma) || N(other_mean, other_sigma)), (...,)."""
    variance_ratio = (2 * (log_sigma - other_log_sigma)).exp()
    distance = ((mean - other_mean) * (-other_log_sigma).exp()).square()
    return 0.5 * (variance_ratio + distance - 1 - variance_ratio.log()).sum(dim=-1)
