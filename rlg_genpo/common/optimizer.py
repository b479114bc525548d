"""The optimiser of what a method trains beside PPO."""

from collections.abc import Iterable

import torch
from torch import nn

#: since this torch, Adam's one-kernel form runs on CPUs too
FUSED_SINCE = (2, 4)


def adam(parameters: Iterable[nn.Parameter], rate: float) -> torch.optim.Adam:
    """Adam in one kernel a step, as rl_games' own, where torch has it."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    return torch.optim.Adam(parameters, lr=rate, fused=version >= FUSED_SINCE or None)
