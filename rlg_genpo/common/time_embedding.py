"""Time embedding of a flow's step indices.

Sinusoidal features as in "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762, then
an MLP back to the same width, as in GenPO (https://arxiv.org/abs/2505.18763).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rlg_genpo.common.mlp import mlp


def sinusoidal(time: Tensor, width: int) -> Tensor:
    """sin, cos of time, shape (N,), at width/2 frequencies from 1 down to 1/10000: (N, width)."""
    half = width // 2
    exponent = torch.arange(half, dtype=time.dtype, device=time.device) / max(half - 1, 1)
    angle = time.unsqueeze(-1) * torch.exp(-math.log(10_000) * exponent)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def cycled(values: Tensor, rows: int) -> Tensor:
    """(T, ...) repeated to (rows, ...): row i is ``values[i % T]``."""
    cycles = -(-rows // len(values))
    return values.repeat(cycles, *[1] * (values.dim() - 1))[:rows]


class TimeEmbedding(nn.Module):
    """Embeddings of all N step times k/N at once: no argument, returns (N, width).

    A flow that acts only ever stands at these N times, so they are embedded once per step of
    training or rollout and not once per sample.
    """

    def __init__(self, steps: int, width: int, units: Sequence[int], activation: str) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("features", sinusoidal(torch.arange(steps) / steps, width))
        self.mlp = mlp(width, units, width, activation)

    def forward(self) -> Tensor:
        return self.mlp(self.features)

    def of(self, times: Tensor) -> Tensor:
        """Embeddings of any times in [0, 1], (T,) to (T, width): what flow matching trains on."""
        return self.mlp(sinusoidal(times, self.width))
