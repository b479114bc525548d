"""One agent of DDPL by itself: what runs on a robot, from that robot's own observation alone.

B batch, O the agent's observation size, D its action size.
"""

import torch
from torch import Tensor, nn

from rlg_genpo.ddpl.policy import DDPL

#: as rl_games normalises observations
EPSILON, LIMIT = 1e-5, 5.0


class AgentPolicy(nn.Module):
    """Raw observations (B, O) to actions (B, D) in [-1, 1].

    Knows nothing of the other agents, of the critics and of rl_games; the environment's own range
    of actions is left to the caller.

    Args:
        name: the agent's.
        policy: a :class:`DDPL` of this agent alone.
        mean: of its observations, (O,).
        variance: of its observations, (O,).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, policy: DDPL, mean: Tensor, variance: Tensor) -> None:
        super().__init__()
        self.name = name
        self.policy = policy
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", (variance.float() + EPSILON).sqrt())

    @torch.no_grad()
    def forward(self, obs: Tensor, deterministic: bool = True) -> Tensor:
        """The reverse process without noise when deterministic, else a sample."""
        source = ((obs - self.mean) / self.deviation).clamp(-LIMIT, LIMIT)
        return self.policy.play(self.policy.condition(source), deterministic, None)


def own_rows(whole: nn.Module, own: nn.Module, agent: int) -> None:
    """Copy one agent's weights out of a network of all agents, whose parameters are (n, ...).

    Agents narrower than the widest fill its rows from the front; what they do not fill is cut off.
    """
    with torch.no_grad():
        pairs = zip(whole.parameters(), own.parameters(), strict=True)
        for source, target in pairs:
            # One row where the agents share their weights.
            row = source[min(agent, len(source) - 1)]
            target.copy_(row[tuple(slice(width) for width in target.shape[1:])].unsqueeze(0))
