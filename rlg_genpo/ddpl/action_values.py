"""What each agent's own action adds to the value of a state: critics for training alone.

n agents, B states, K actions at each, D the largest action size, S width of the full state, P
features of an action.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rlg_genpo.ddpl.team_layers import team_mlp


class ActionValues(nn.Module):
    """A_i(s, a_i) of Q_i(s, a_i) = V(s) + A_i(s, a_i), side by side for all agents.

    V is the critic of the state. One step's action changes a return by far less than the state does
    and less than chance does. So A_i is a sum of P products of a feature of the action and its
    weight at the state, and among the features is the action itself, whose weight is learned as
    directly as a policy gradient. Ours.

    Each agent's network sees the full state, its own observation first, the others' after it in
    turn: a view in which agents with shared weights stay apart.

    Args:
        observations: O_i, whose sum is S.
        actions: D_i.
        units: hidden widths of the weights' MLP; P is D more than its last.
        activation: a key of :data:`rlg_genpo.common.mlp.ACTIVATIONS`.
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
        super().__init__()
        self.shared, self.agents = shared, len(actions)
        count = 1 if shared else self.agents
        total, width, features = sum(observations), max(actions), units[-1]
        self.weights = team_mlp(count, total, units, width + features, activation, 0.0)
        self.features = team_mlp(count, width, units[-1:], features, activation)
        ends = torch.tensor([0, *observations]).cumsum(dim=0).tolist()
        columns = torch.arange(total)
        views = torch.stack([columns.roll(-start) for start in ends[:-1]])
        self.register_buffer("views", views, persistent=False)

    def forward(self, source: Tensor, action: Tensor) -> Tensor:
        """States (B, S) and actions (n, B, K, D) to (n, B, K)."""
        view = source[:, self.views].transpose(0, 1)
        weights = self._apart(self.weights(self._together(view)))
        learned = self._apart(self.features(self._together(action.flatten(1, 2))))
        features = torch.cat([action, learned.unflatten(1, action.shape[1:3])], dim=-1)
        return (features @ weights.unsqueeze(-1)).squeeze(-1)

    def _together(self, rows: Tensor) -> Tensor:
        """Agents with shared weights are rows of one batch: (n, B, ...) to (1, n B, ...)."""
        return rows.flatten(0, 1).unsqueeze(0) if self.shared else rows

    def _apart(self, rows: Tensor) -> Tensor:
        return rows.squeeze(0).unflatten(0, (self.agents, -1)) if self.shared else rows
