"""The coupled flow of GenPO: an exactly invertible Euler flow on a doubled action.

Source: "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning", 2025,
https://arxiv.org/abs/2505.18763. The map and its inverse are the paper's; the closed form of the
log-determinant is ours (the paper's code evaluates a Jacobian numerically).

D action size, N flow steps, p mix, B batch. The doubled action (x, y) is one tensor of width 2 D,
x first. Time runs from noise at t=0 to action at t=1, in N steps of 1/N.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

#: ``velocity(half, k)``: half of the doubled action, shape (..., D), and the step's index k in
#: 0..N-1; returns the velocity at t = k/N, shape (..., D). The caller closes over the observation.
Velocity = Callable[[Tensor, int], Tensor]


class Coupling(NamedTuple):
    """What the flow is beside its velocity."""

    steps: int  # N
    mix: float  # p, in (0, 1]

    @property
    def indices(self) -> range:
        """Of the steps, in the order in which they are taken."""
        return range(self.steps)

    @property
    def h(self) -> float:
        """1/N, the time that a step takes."""
        return 1 / self.steps

    @property
    def spread(self) -> float:
        """The executed action's standard deviation where the velocity is zero, of noise's 1.

        A step then is the linear map of its two mixing lines, and the N-th power's mean of halves
        has this norm.
        """
        x, y = (1.0, 0.0), (0.0, 1.0)  # each half as a combination of the noise's two
        for _ in self.indices:
            x = tuple(self.mix * a + (1 - self.mix) * b for a, b in zip(x, y, strict=True))
            y = tuple(self.mix * b + (1 - self.mix) * a for a, b in zip(x, y, strict=True))
        return math.hypot(*(0.5 * (a + b) for a, b in zip(x, y, strict=True)))

    def log_abs_det(self, dim: int) -> float:
        """log |det d couple / dz| for actions of size ``dim``: 2 D N log p.

        The velocity updates are shears, so only the mixing lines change volume, by p^D each. The
        value depends neither on the sample nor on the parameters.
        """
        return 2 * dim * self.steps * math.log(self.mix)

    def pair_neglogp(self, z: Tensor) -> Tensor:
        """-log density of the doubled action that :func:`couple` makes of noise z, in nats.

        Shape (..., 2 D) to (...,): the standard normal's density at z, less the log-determinant.
        """
        dim = z.shape[-1] // 2
        normal = 0.5 * z.square().sum(dim=-1) + dim * math.log(2 * math.pi)
        return normal + self.log_abs_det(dim)

    def pair_entropy(self, dim: int) -> float:
        """Differential entropy of the doubled action, in nats; a constant of (D, N, p)."""
        return dim * math.log(2 * math.pi * math.e) + self.log_abs_det(dim)


def couple(velocity: Velocity, z: Tensor, coupling: Coupling) -> Tensor:
    """Carry noise z, shape (..., 2 D), to the doubled action of the same shape."""
    x, y = z.chunk(2, dim=-1)
    mix, h = coupling.mix, coupling.h
    for k in coupling.indices:
        x = torch.add(x, velocity(y, k), alpha=h)
        y = torch.add(y, velocity(x, k), alpha=h)
        x = torch.lerp(y, x, mix)  # mix x + (1 - mix) y
        y = torch.lerp(x, y, mix)
    return joined(x, y)


def uncouple(velocity: Velocity, action: Tensor, coupling: Coupling) -> Tensor:
    """Exact inverse of :func:`couple`: doubled action to noise, shapes (..., 2 D)."""
    x, y = action.chunk(2, dim=-1)
    mix, h = coupling.mix, coupling.h
    for k in reversed(coupling.indices):
        y = torch.lerp(x, y, 1 / mix)  # (y - (1 - mix) x) / mix
        x = torch.lerp(y, x, 1 / mix)
        y = torch.sub(y, velocity(x, k), alpha=h)
        x = torch.sub(x, velocity(y, k), alpha=h)
    return joined(x, y)


def joined(x: Tensor, y: Tensor) -> Tensor:
    """The doubled action (..., 2 D) of its halves (..., D), in their layout in memory.

    A batch of halves that lies feature by feature stays so, where ``torch.cat`` of the last
    dimension would make a copy row by row: narrow layers are faster on the former.
    """
    if x.dim() == 1:
        return torch.cat([x, y])
    # Not .mT: an exporter that records calls does not see an attribute being read.
    return torch.cat([x.transpose(-1, -2), y.transpose(-1, -2)], dim=-2).transpose(-1, -2)


def feature_major(rows: Tensor) -> Tensor:
    """The same (B, W), laid out in memory feature by feature."""
    return rows.t().contiguous().t()


def executed(pair: Tensor) -> Tensor:
    """The action sent to the environment: the mean of the two halves, (..., 2 D) to (..., D)."""
    x, y = pair.chunk(2, dim=-1)
    return 0.5 * (x + y)


def compression_squared(pair: Tensor) -> Tensor:
    """GenPO's compression loss as the paper writes it: mean over D of (x - y)^2, (B, 2 D) to (B,).

    Pulls the two halves together, so that executing their mean loses little.
    """
    x, y = pair.chunk(2, dim=-1)
    return (x - y).square().mean(dim=-1)


def compression_norm(pair: Tensor) -> Tensor:
    """GenPO's compression loss as its released code computes it: |x - y|_2, (B, 2 D) to (B,)."""
    x, y = pair.chunk(2, dim=-1)
    return torch.linalg.vector_norm(x - y, dim=-1)
