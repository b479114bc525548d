"""Several agents in one flat vector, and the same side by side.

n agents, B batch, S total of the agents' sizes, W the largest of them. A host such as Isaac Lab
hands all agents' observations over as one vector, one agent's slice after the other. Side by side,
(n, B, W), all agents go through their networks in one matrix product. Slices narrower than W are
filled with zeros, which carry nothing from one agent to another.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Slices(nn.Module):
    """Takes (B, S) apart into (n, B, W) and puts it together again; ``sizes`` are the agents'."""

    index: Tensor
    kept: Tensor
    real: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.count, self.width, self.total = len(sizes), max(sizes), sum(sizes)
        self.even = min(sizes) == self.width
        offsets = torch.tensor([sum(sizes[:i]) for i in range(len(sizes))])
        place = torch.arange(self.width)
        real = place < torch.tensor(sizes).unsqueeze(-1)
        # The vector's column ``total`` is the zero that fills up.
        index = torch.where(real, offsets.unsqueeze(-1) + place, self.total)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("kept", real.flatten().nonzero().squeeze(-1), persistent=False)
        #: (n, 1, W), 1 where an agent has a component and 0 where it is filled up
        self.register_buffer("real", real.float().unsqueeze(1), persistent=False)

    def split(self, flat: Tensor) -> Tensor:
        """(B, S) to (n, B, W)."""
        if self.even:
            return flat.unflatten(-1, (self.count, self.width)).transpose(0, 1)
        return functional.pad(flat, (0, 1))[:, self.index].transpose(0, 1)

    def merge(self, parts: Tensor) -> Tensor:
        """(n, B, W) to (B, S); what stands in the filling is dropped."""
        flat = parts.transpose(0, 1).flatten(1)
        return flat if self.even else flat[:, self.kept]
