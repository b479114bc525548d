"""Normal draws within bounds."""

import torch
from torch import Tensor

#: keeps a float32 quantile away from 0 and 1, where the normal's is infinite
TINY = 1e-6


def truncated_normal(mean: Tensor, deviation: Tensor, low: float, high: float) -> Tensor:
    """One draw per element of the normal law cut off to [low, high], by its inverse distribution.

    Args:
        mean: of any shape.
        deviation: standard deviation, broadcasts against ``mean``.
    """
    start = torch.special.ndtr((low - mean) / deviation)
    end = torch.special.ndtr((high - mean) / deviation)
    quantile = start + (end - start) * torch.rand_like(mean)
    draw = mean + deviation * torch.special.ndtri(quantile.clamp(TINY, 1 - TINY))
    return draw.clamp(low, high)
