"""Networks of n agents side by side: separate weights, one matrix product for all.

n agents, B batch. Every tensor has the agents first, (n, B, width), and so has every parameter,
(n, in, out): agent i's gradient stands in row i of each. With shared weights n is 1, and the agents
are rows of the one batch.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rlg_genpo.common.mlp import ACTIVATIONS


class TeamLinear(nn.Module):
    """n linear layers, (n, B, inputs) to (n, B, outputs).

    Args:
        count: n.
        inputs: width of the input; agents that fill less of it have zeros there.
        outputs: width of the output.
        bounds: of the uniform draw of each agent's initial parameters; by default the one that
            ``torch.nn.Linear`` would have.
        bias: whether there is one.
    """

    def __init__(
        self,
        count: int,
        inputs: int,
        outputs: int,
        bounds: Sequence[float] | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if bounds is None:
            bounds = [1 / math.sqrt(inputs)] * count
        reach = torch.tensor(bounds).reshape(count, 1, 1)
        self.weight = nn.Parameter((2 * torch.rand(count, inputs, outputs) - 1) * reach)
        self.bias = nn.Parameter((2 * torch.rand(count, 1, outputs) - 1) * reach) if bias else None

    def forward(self, inputs: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(inputs, self.weight)
        return torch.baddbmm(self.bias, inputs, self.weight)


def bounds_of(widths: Sequence[int]) -> list[float]:
    """The bounds that ``torch.nn.Linear`` would have for each agent's own width."""
    return [1 / math.sqrt(width) for width in widths]


def team_mlp(
    count: int,
    inputs: int,
    units: Sequence[int],
    outputs: int,
    activation: str,
    output_scale: float = 1.0,
) -> nn.Sequential:
    """n MLPs; the last layer's initial weight is multiplied by ``output_scale``, its bias zero."""
    layers: list[nn.Module] = []
    for width in units:
        layers += [TeamLinear(count, inputs, width), ACTIVATIONS[activation]()]
        inputs = width
    output = TeamLinear(count, inputs, outputs)
    with torch.no_grad():
        output.weight.mul_(output_scale)
        assert output.bias is not None
        output.bias.zero_()
    return nn.Sequential(*layers, output)


class TeamSplitMLP(nn.Module):
    """n MLPs on a state and an action, whose first layer's state part is computed once per state.

    Args:
        states: width of each agent's own state input, (n,).
        actions: width of each agent's action, (n,).
        units: hidden widths, at least one.
        outputs: width of the output.
        activation: a key of :data:`rlg_genpo.common.mlp.ACTIVATIONS`.
        output_scale: factor on the last layer's initial weight.
    """

    def __init__(
        self,
        states: Sequence[int],
        actions: Sequence[int],
        units: Sequence[int],
        outputs: int,
        activation: str,
        output_scale: float,
    ) -> None:
        super().__init__()
        count, first = len(states), units[0]
        # Each part is drawn as a layer of its own: beside a long observation, an action of two
        # numbers would hardly be seen, and the output be all but linear in it.
        self.from_state = TeamLinear(count, max(states), first, bounds_of(states))
        self.from_action = TeamLinear(count, max(actions), first, bounds_of(actions), bias=False)
        self.rest = nn.Sequential(
            ACTIVATIONS[activation](),
            *team_mlp(count, first, units[1:], outputs, activation, output_scale),
        )

    def finish(self, state: Tensor, action: Tensor) -> Tensor:
        """Everything after the state's part: that, (n, B, H), and actions (n, B, D), to outputs.

        With several actions at each state, (n, B, K, D), the state's part is (n, B, 1, H) or, with
        one for each of them, (n, B, K, H).
        """
        rows = action.shape[1:-1]
        part = self.from_action(action.flatten(1, -2)).unflatten(1, rows) + state
        return self.rest(part.flatten(1, -2)).unflatten(1, rows)
