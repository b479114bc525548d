"""The velocity network of a flow policy, with its first layer split by what changes when.

D action size, N flow steps, B batch, H width of the first hidden layer. A plain MLP would see
concat(condition, half action, time embedding) at each of the 2 N evaluations. Its first layer is
linear, so the condition's part is computed once per state, the time's part once per flow step for
the whole batch, and only the action's part, D wide, stands inside the loop.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rlg_genpo.networks.mlp import ACTIVATIONS, mlp_parts, scale_output
from rlg_genpo.networks.time import TimeEmbedding


class Condition(NamedTuple):
    """What the velocity needs of the states, computed once per state and not once per flow step."""

    state: Tensor  # (B, H)
    time: Tensor  # (N, H)

    def rows(self, count: int) -> "Condition":
        """``count`` of the states, evenly spread: a minibatch is ordered by environment."""
        batch = self.state.shape[0]
        spread = torch.arange(count, device=self.state.device) * batch // count
        return Condition(self.state[spread], self.time)


class Velocity(nn.Module):
    """v(half action, t_k, condition): (B, D) to (B, D), an MLP whose last layer starts near zero.

    Args:
        condition_dim: width of what the flow is conditioned on (an observation or features).
        action_dim: D.
        steps: N.
        units: hidden widths, at least one.
        activation: a key of :data:`rlg_genpo.networks.mlp.ACTIVATIONS`.
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
        super().__init__()
        self.steps = steps
        self.action_dim = action_dim
        self.time = TimeEmbedding(steps, time_embedding, time_units, activation)
        first = units[0]
        self.from_condition = nn.Linear(condition_dim, first)
        self.from_action = nn.Linear(action_dim, first, bias=False)
        self.from_time = nn.Linear(time_embedding, first, bias=False)
        self._init_as_one_layer(condition_dim + action_dim + time_embedding)
        hidden, output = mlp_parts(first, units[1:], action_dim, activation)
        scale_output(output, output_scale)
        self.rest = nn.Sequential(ACTIVATIONS[activation](), *hidden, output)

    def _init_as_one_layer(self, fan_in: int) -> None:
        # The three parts are one layer of the paper's network: same bound as nn.Linear would draw.
        bound = 1 / math.sqrt(fan_in)
        for part in (self.from_condition, self.from_action, self.from_time):
            nn.init.uniform_(part.weight, -bound, bound)
        nn.init.uniform_(self.from_condition.bias, -bound, bound)

    def condition(self, source: Tensor) -> Condition:
        """Everything that does not depend on the action; ``source`` is (B, condition_dim)."""
        return Condition(self.from_condition(source), self.from_time(self.time()))

    def forward(self, condition: Condition, half: Tensor, k: int) -> Tensor:
        """Velocity at step k; ``half`` is (B, D)."""
        shared = condition.state + condition.time[k]
        return self.rest(shared + functional.linear(half, self.from_action.weight))

    def at(self, condition: Condition) -> Callable[[Tensor, int], Tensor]:
        """The velocity as a function of (half action, step), as the maths wants it."""
        return lambda half, k: self(condition, half, k)
