"""The velocity network of a flow policy.

D action size, N flow steps, B batch, H width of the first hidden layer. A plain MLP would see
concat(condition, action, time embedding) at each evaluation. Its first layer is split: the
condition's part is computed once per state, the time's part once per flow step for the whole batch,
and only the action's part, D wide, stands inside the loop.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.common.split import SplitMLP
from rlg_genpo.common.time_embedding import TimeEmbedding, cycled


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
        steps: N.
        units: hidden widths, at least one.
        activation: a key of :data:`rlg_genpo.common.mlp.ACTIVATIONS`.
        time_embedding: width of the time embedding, even.
        time_units: hidden widths of the time embedding's MLP.
        output_scale: factor on the last layer's initial weight.
    """

    def __init__(
        self,
        condition_dim: int,
        action_dim: int,
        steps: int,
        units: Sequence[int],
        activation: str = "mish",
        time_embedding: int = 32,
        time_units: Sequence[int] = (256, 256),
        output_scale: float = 0.01,
    ) -> None:
        super().__init__(
            condition_dim, action_dim, units, activation, output_scale, extra_dim=time_embedding
        )
        self.steps = steps
        self.time = TimeEmbedding(steps, time_embedding, time_units, activation)
        self.from_time = nn.Linear(time_embedding, units[0], bias=False)
        nn.init.uniform_(self.from_time.weight, -self.bound, self.bound)

    def condition(self, source: Tensor) -> Condition:
        """Everything that does not depend on the action; ``source`` is (B, condition_dim)."""
        return Condition(self.from_condition(source), self.from_time(self.time()))

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
        return self.finish(self.from_condition(source) + time, action)
