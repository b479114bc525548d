"""The velocity network of a flow policy.

D action size, N flow steps, B batch, H width of the first hidden layer. A plain MLP would see
concat(condition, action, time embedding) at each evaluation. Its first layer is split: the
condition's part is computed once per state, the time's part once per flow step for the whole batch,
and only the action's part, D wide, stands inside the loop.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.common.flow_config import FlowConfig
from rlg_genpo.common.layers import SplitMLP, mlp


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

    Sinusoidal features as in "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762,
    then an MLP back to the same width, as in GenPO (https://arxiv.org/abs/2505.18763).

    A flow that acts only ever stands at these N times, so they are embedded once per step of
    training or rollout and not once per sample.
    """

    def __init__(self, flow: FlowConfig) -> None:
        super().__init__()
        self.width = flow.time_embedding
        self.register_buffer("features", sinusoidal(torch.tensor(flow.times), self.width))
        self.mlp = mlp(self.width, flow.time_units, self.width, flow.activation)

    def forward(self) -> Tensor:
        return self.mlp(self.features)

    def of(self, times: Tensor) -> Tensor:
        """Embeddings of any times in [0, 1], (T,) to (T, width): what flow matching trains on."""
        return self.mlp(sinusoidal(times, self.width))


class Condition(NamedTuple):
    """What the velocity needs of the states, computed once per state and not once per flow step."""

    state: Tensor  # (B, H)
    time: Tensor  # (N, H)

    def rows(self, count: int) -> "Condition":
        """``count`` of the states, evenly spread: a minibatch is ordered by environment."""
        batch = len(self.state)
        if batch % count == 0:
            # A stride's gradient is a copy, an index's a slow sum.
            return self._replace(state=self.state[:: batch // count])
        spread = torch.arange(count, device=self.state.device) * batch // count
        return self._replace(state=self.state[spread])


class Velocity(SplitMLP):
    """v(action, t_k, condition): (B, D) to (B, D), an MLP whose last layer starts near zero.

    Args:
        condition_dim: width of what the flow is conditioned on (an observation or features).
        action_dim: D; half of GenPO's doubled action.
        flow: N, the widths, and the scale of the last layer.
    """

    def __init__(self, condition_dim: int, action_dim: int, flow: FlowConfig) -> None:
        units, width = flow.units, flow.time_embedding
        super().__init__(
            condition_dim, action_dim, units, flow.activation, flow.output_scale, extra_dim=width
        )
        self.times = flow.times
        self.time = TimeEmbedding(flow)
        self.from_time = nn.Linear(width, units[0], bias=False)
        nn.init.uniform_(self.from_time.weight, -self.bound, self.bound)

    def condition(self, source: Tensor) -> Condition:
        """Everything that does not depend on the action; ``source`` as for :meth:`of_state`."""
        return Condition(self.of_state(source), self.from_time(self.time()))

    def forward(self, condition: Condition, action: Tensor, k: int) -> Tensor:
        """Velocity at step k; ``action`` is (B, D)."""
        return self.finish(condition.state + condition.time[k], action)

    def at(self, condition: Condition) -> Callable[[Tensor, int], Tensor]:
        """The velocity as a function of (action, step), as the maths wants it."""
        return lambda action, k: self(condition, action, k)

    def between(self, source: Tensor, action: Tensor, times: Tensor) -> Tensor:
        """Velocity at any times in [0, 1], (T,): row i of (B, D) stands at ``times[i % T]``.

        A time's embedding costs more than a velocity, and a batch needs no more than some dozens of
        different times. ``source`` is (B, condition_dim).
        """
        time = cycled(self.from_time(self.time.of(times)), len(source))
        return self.finish(self.of_state(source) + time, action)
