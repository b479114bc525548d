"""Each agent of a trained DDPL model by itself, taken out of the network of all.

An agent's policy knows nothing of the other agents, of the critics and of rl_games; it runs on a
robot, from that robot's own observation alone. B batch, O the agent's observation size, D its
action size.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rlg_genpo.ddpl.agents import AgentConfig
from rlg_genpo.ddpl.config import DDPLConfig, DiffusionConfig
from rlg_genpo.ddpl.networks import Denoisers
from rlg_genpo.ddpl.policy import DDPL

#: as rl_games normalises observations
EPSILON, LIMIT = 1e-5, 5.0


class AgentPolicy(nn.Module):
    """Raw observations (B, O) to actions (B, D) in [-1, 1], for the caller to stretch to its range.

    Args:
        agent: its name, O and D.
        diffusion: the settings of its denoiser, whose weights are initial ones.
        mean, variance: of its observations, (O,).
        limit: at which its normalised observations are clamped.
    """

    mean: Tensor
    deviation: Tensor
    limit: Tensor

    def __init__(
        self,
        agent: AgentConfig,
        diffusion: DiffusionConfig,
        mean: Tensor,
        variance: Tensor,
        limit: float = LIMIT,
    ) -> None:
        super().__init__()
        # Alone, nobody's weights are shared.
        diffusion = replace(diffusion, shared_weights=False)
        self.agent, self.name, self.diffusion = agent, agent.name, diffusion
        self.policy = DDPL(Denoisers([agent.obs], [agent.act], diffusion))
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", (variance.float() + EPSILON).sqrt())
        self.register_buffer("limit", torch.tensor(limit))

    @torch.no_grad()
    def forward(
        self, obs: Tensor, deterministic: bool = True, noise: Tensor | None = None
    ) -> Tensor:
        """The reverse process without noise when deterministic, else a sample, of ``noise`` (B,
        ``policy.noise_width``) where that is given."""
        source = ((obs - self.mean) / self.deviation).clamp(-self.limit, self.limit)
        condition = self.policy.condition(source)
        if noise is not None:
            return self.policy.play_from(condition, noise, None)
        return self.policy.play(condition, deterministic, None)


def own_rows(whole: nn.Module, own: nn.Module, agent: int) -> None:
    """Copy one agent's weights out of a network of all agents, whose parameters are (n, ...).

    Agents narrower than the widest fill its rows from the front; what they do not fill is cut off.
    """
    with torch.no_grad():
        for source, target in zip(whole.parameters(), own.parameters(), strict=True):
            # One row where the agents share their weights.
            row = source[min(agent, len(source) - 1)]
            target.copy_(row[tuple(slice(width) for width in target.shape[1:])].unsqueeze(0))


def taken_apart(model: Any, settings: DDPLConfig) -> list[AgentPolicy]:
    """Every agent of a trained model, on its device, with copies of its weights."""
    policy, device = model.policy, next(model.parameters()).device
    total = policy.observations.total
    # Without normalisation, the observations are to pass as they are.
    mean = torch.zeros(total, device=device)
    variance = torch.full_like(mean, 1 - EPSILON)
    limit = math.inf
    if model.normalize_input:
        mean, variance = model.running_mean_std.running_mean, model.running_mean_std.running_var
        limit = LIMIT
    moments = (moment.split(policy.observations.sizes) for moment in (mean, variance))
    found = []
    for index, (agent, *own) in enumerate(zip(settings.agents or (), *moments, strict=True)):
        single = AgentPolicy(agent, settings.diffusion, *own, limit=limit).to(device)
        own_rows(policy.denoisers, single.policy.denoisers, index)
        # They act only; an exporter takes a tensor with a gradient for no constant.
        found.append(single.eval().requires_grad_(False))
    return found
