"""An MLP on a state and an action, with its first layer split by what changes when.

B batch, D action size, C width of what the state is given as, H width of the first hidden layer.
The first layer of a plain MLP on concat(state, action) is linear, so that the state's part can be
computed once per state and only the action's part, D wide, as often as the action changes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rlg_genpo.common.layers import NarrowLinear
from rlg_genpo.common.mlp import ACTIVATIONS, hidden_layers, scale_output


class SplitMLP(nn.Module):
    """(state (B, C), action (B, D)) to (B, D).

    ``low_precision``, off at first, computes all but the first layer in bfloat16.

    Args:
        condition_dim: C, of an observation or of features.
        action_dim: D.
        units: hidden widths, at least one.
        activation: a key of :data:`rlg_genpo.common.mlp.ACTIVATIONS`.
        output_scale: factor on the last layer's initial weight; its bias starts at zero.
        extra_dim: inputs of the first layer that a subclass adds, for the initial weights' bound.
    """

    def __init__(
        self,
        condition_dim: int,
        action_dim: int,
        units: Sequence[int],
        activation: str,
        output_scale: float,
        extra_dim: int = 0,
    ) -> None:
        super().__init__()
        self.low_precision = False
        self.action_dim = action_dim
        first = units[0]
        # The parts are one layer of a plain MLP: same bound as nn.Linear would draw.
        self.bound = 1 / math.sqrt(condition_dim + action_dim + extra_dim)
        self.from_condition = nn.Linear(condition_dim, first)
        self.from_action = nn.Linear(action_dim, first, bias=False)
        for parameter in (*self.from_condition.parameters(), *self.from_action.parameters()):
            nn.init.uniform_(parameter, -self.bound, self.bound)
        hidden, width = hidden_layers(first, units[1:], activation)
        output = NarrowLinear(width, action_dim)
        scale_output(output, output_scale)
        self.rest = nn.Sequential(ACTIVATIONS[activation](), *hidden, output)

    def finish(self, state: Tensor, action: Tensor) -> Tensor:
        """Everything after the state's part, (B, H): adds the action's, then the other layers."""
        weight = self.from_action.weight.t()
        if torch.is_grad_enabled():
            # The copy makes the weight's gradient a product of the same, fast kind.
            weight = weight.contiguous()
        first = torch.addmm(state, action, weight)
        if not self.low_precision:
            return self.rest(first)
        with torch.autocast(first.device.type, dtype=torch.bfloat16):
            return self.rest(first.bfloat16()).to(first.dtype)

    def forward(self, source: Tensor, action: Tensor) -> Tensor:
        return self.finish(self.from_condition(source), action)
