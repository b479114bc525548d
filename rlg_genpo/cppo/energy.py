"""Energy distance between two distributions, from samples of each.

Source: "Energy statistics: A class of statistics based on distances", 2013,
https://doi.org/10.1016/j.jspi.2013.03.018. B states, M samples at each, D action size.
"""

import torch
from torch import Tensor


def energy_distance(first: Tensor, second: Tensor) -> Tensor:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| per state, (B, M, D) and (B, M', D) to (B,).

    The estimate is unbiased, in units of the action: its mean is zero for equal distributions, and
    single values may be negative. M and M' are at least 2.
    """
    across = torch.cdist(first, second).mean(dim=(1, 2))
    return 2 * across - mean_distance(first) - mean_distance(second)


def mean_distance(samples: Tensor) -> Tensor:
    """E|X - X'| over the pairs of different samples, (B, M, D) to (B,)."""
    count = samples.shape[1]
    return torch.cdist(samples, samples).sum(dim=(1, 2)) / (count * (count - 1))
