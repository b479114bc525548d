"""What each agent's own action adds to the value of a state: critics for training alone.

n agents, B states, K actions at each, D the largest action size, S width of the full state.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rlg_genpo.networks.team import TeamSplitMLP


class ActionValues(TeamSplitMLP):
    """A_i(s, a_i) of Q_i(s, a_i) = V(s) + A_i(s, a_i), side by side for all agents.

    V is the critic of the state. Each agent's network sees the full state, its own observation
    first, the others' after it in turn: a view in which agents with shared weights stay apart.

    Args:
        observations: O_i, whose sum is S.
        actions: D_i.
        units: hidden widths, at least one.
        activation: a key of :data:`rlg_genpo.networks.mlp.ACTIVATIONS`.
        shared: one set of weights for all agents, whose sizes must agree.
    """

    views: Tensor

    def __init__(
        self,
        observations: Sequence[int],
        actions: Sequence[int],
        units: Sequence[int],
        activation: str,
        shared: bool = False,
    ) -> None:
        count = 1 if shared else len(actions)
        total = sum(observations)
        super().__init__([total] * count, actions[:count], units, 1, activation, output_scale=0.0)
        self.shared, self.agents = shared, len(actions)
        ends = torch.tensor([0, *observations]).cumsum(dim=0).tolist()
        columns = torch.arange(total)
        views = torch.stack([columns.roll(-start) for start in ends[:-1]])
        self.register_buffer("views", views, persistent=False)

    def forward(self, source: Tensor, action: Tensor) -> Tensor:
        """States (B, S) and actions (n, B, K, D) to (n, B, K)."""
        view = source[:, self.views].transpose(0, 1)
        if self.shared:
            rows = action.flatten(0, 1).unsqueeze(0)
            state = self.from_state(view.flatten(0, 1).unsqueeze(0)).unsqueeze(2)
            value = self.finish(state, rows).squeeze(0).unflatten(0, (self.agents, -1))
        else:
            value = self.finish(self.from_state(view).unsqueeze(2), action)
        return value.squeeze(-1)
