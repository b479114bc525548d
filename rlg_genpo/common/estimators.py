"""Estimators from samples of the old policy, given log pi_new - log pi_old, shape (B,), in nats.

Each keeps the batch dimension; the KL divergence KL(pi_old || pi_new) is the mean of its estimator.
"""

import math

import torch
from torch import Tensor


def kl_plain(log_ratio: Tensor) -> Tensor:
    """-log r: unbiased, but a batch's mean may be negative. The one GenPO's released code uses."""
    return -log_ratio


def kl_nonnegative(log_ratio: Tensor) -> Tensor:
    """r - 1 - log r: unbiased, since E[r] = 1, and never negative."""
    return log_ratio.expm1() - log_ratio


def clipped_share(log_ratio: Tensor, clip: float) -> Tensor:
    """1 where the ratio left [1 - clip, 1 + clip], else 0."""
    return (log_ratio.expm1().abs() > clip).to(log_ratio.dtype)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over (B,), counting only rows where the mask, (B,), is 1; all of them without one."""
    if mask is None:
        return values.mean()
    return (values * mask).sum() / mask.sum().clamp_min(1)


def mixture_entropy(log_density: Tensor) -> tuple[Tensor, Tensor]:
    """Two estimates, (B,), whose expectations enclose the entropy of a mixture, in nats.

    Each is a negative log-mean-exp over components: with the sample's own component among them it
    is too low on average, without it too high, by Jensen's inequality; both tend to the entropy.

    Args:
        log_density: of one sample under M components drawn from the mixture, (B, M), M at least 2;
            the sample is from the first of them.
    """
    count = log_density.shape[1]
    with_own = math.log(count) - log_density.logsumexp(dim=1)
    without = math.log(count - 1) - log_density[:, 1:].logsumexp(dim=1)
    return with_own, without


def nearest_neighbour_entropy(samples: Tensor) -> Tensor:
    """Differential entropy of each state's samples, (B, M, D) to (B,), in nats.

    From the distance of each sample to its nearest neighbour (Kozachenko and Leonenko, 1987):
    D mean log distance + log V_D + digamma(M) - digamma(1), V_D the volume of the unit ball. M is
    at least 2; equal samples count as a distance of 1e-6.
    """
    count, size = samples.shape[1], samples.shape[2]
    own = torch.eye(count, dtype=torch.bool, device=samples.device)
    distance = torch.cdist(samples, samples).masked_fill(own, math.inf).amin(dim=-1)
    ball = size / 2 * math.log(math.pi) - math.lgamma(size / 2 + 1)
    harmonic = sum(1 / k for k in range(1, count))  # digamma(M) - digamma(1)
    return size * distance.clamp_min(1e-6).log().mean(dim=-1) + ball + harmonic
