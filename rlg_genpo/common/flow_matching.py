"""Flow matching: fitting a velocity field to samples, and sampling from it by Euler steps.

Source: "Flow Matching for Generative Modeling", 2022, https://arxiv.org/abs/2210.02747, with the
straight path from noise at t=0 to the target at t=1. D action size, B batch, N Euler steps.
"""

from collections.abc import Callable

import torch
from torch import Tensor

#: ``velocity(x, k)``: shape (B, D) and the step's index k in 0..N-1, at time k/N, to (B, D)
Velocity = Callable[[Tensor, int], Tensor]


def euler(velocity: Velocity, noise: Tensor, steps: int) -> Tensor:
    """Carry noise (B, D) to samples (B, D) in N steps of 1/N."""
    x = noise
    for k in range(steps):
        x = torch.add(x, velocity(x, k), alpha=1 / steps)
    return x


def interpolate(noise: Tensor, target: Tensor, time: Tensor) -> Tensor:
    """The straight path's point at ``time``, (B, 1) in [0, 1]: (1 - t) noise + t target, (B, D)."""
    return (1 - time) * noise + time * target


def matching_loss(velocity: Tensor, noise: Tensor, target: Tensor) -> Tensor:
    """|v - (target - noise)|^2 for velocities v at :func:`interpolate`'s points, (B, D) to (B,)."""
    return (velocity - (target - noise)).square().sum(dim=-1)
