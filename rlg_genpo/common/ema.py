"""Exponential moving averages of parameters."""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def update(mean: Iterable[Tensor], latest: Iterable[Tensor], keep: float) -> None:
    """mean <- keep mean + (1 - keep) latest, in place, tensor by tensor."""
    for old, new in zip(mean, latest, strict=True):
        old.lerp_(new, 1 - keep)


@torch.no_grad()
def relative_distance(mean: Iterable[Tensor], latest: Iterable[Tensor]) -> Tensor:
    """|mean - latest| / |latest| over all tensors together, 0-d; 0 where both are zero."""
    mean, latest = list(mean), list(latest)
    squared = [(a - b).square().sum() for a, b in zip(mean, latest, strict=True)]
    scale = torch.stack([b.square().sum() for b in latest]).sum()
    tiny = torch.finfo(scale.dtype).tiny
    return (torch.stack(squared).sum() / scale.clamp_min(tiny)).sqrt()
