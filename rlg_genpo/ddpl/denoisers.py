"""The diffusion policies of n agents: each its own denoiser, from its own observation alone.

n agents, B states, K actions at each, T noise levels, D and O the largest action and observation
size, H width of the first hidden layer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlg_genpo.common.time_embedding import sinusoidal
from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import DiffusionConfig
from rlg_genpo.ddpl.team_layers import TeamLinear, TeamSplitMLP, team_mlp


class Condition(NamedTuple):
    """What the denoisers need of the states: computed once, not per action and noise level."""

    state: Tensor  # (n, B, H)
    time: Tensor  # (n, T, H)


class Denoisers(TeamSplitMLP):
    """eps_theta_i(o_i, a_t, t), side by side for all agents.

    The network's output is added to the noise that actions of a normal law would have, so that an
    untrained policy is about that normal, cut off at the bounds. Ours; the source says nothing of
    it, and a network that starts at zero alone would act at the bounds.

    Args:
        observations: O_i.
        actions: D_i.
        alpha_bar: (T,), of the noise levels.
        units: hidden widths, at least one.
        activation: a key of :data:`rlg_genpo.common.mlp.ACTIVATIONS`.
        time_embedding: width of the time embedding, even.
        time_units: hidden widths of the time embedding's MLP.
        output_scale: factor on the last layer's initial weight.
        spread: standard deviation of that normal.
        shared: one set of weights for all agents, whose sizes must agree.
    """

    alpha_bar: Tensor
    features: Tensor
    real: Tensor

    def __init__(
        self,
        observations: Sequence[int],
        actions: Sequence[int],
        alpha_bar: Tensor,
        units: Sequence[int],
        activation: str,
        time_embedding: int,
        time_units: Sequence[int],
        output_scale: float,
        spread: float,
        shared: bool = False,
    ) -> None:
        count = 1 if shared else len(actions)
        super().__init__(
            observations[:count],
            actions[:count],
            units,
            max(actions),
            activation,
            output_scale,
        )
        self.agents, self.shared, self.spread = len(actions), shared, spread
        levels = torch.arange(1, len(alpha_bar) + 1).float()
        self.register_buffer("alpha_bar", alpha_bar.float())
        self.register_buffer("features", sinusoidal(levels, time_embedding))
        real = torch.arange(max(actions)) < torch.tensor(actions).unsqueeze(-1)
        self.register_buffer("real", real.float(), persistent=False)
        self.time = team_mlp(count, time_embedding, time_units, time_embedding, activation)
        self.from_time = TeamLinear(count, time_embedding, units[0], bias=False)

    def condition(self, obs: Tensor) -> Condition:
        """Everything that does not depend on the action; ``obs`` is (n, B, O)."""
        state = self._apart(self.from_state(self._together(obs)))
        features = self.features.expand(1 if self.shared else self.agents, -1, -1)
        return Condition(state, self.from_time(self.time(features)).expand(self.agents, -1, -1))

    def forward(self, condition: Condition, noisy: Tensor, index: int) -> Tensor:
        """Noise in actions (n, B, D) or (n, B, K, D), all at level ``index`` + 1."""
        time = condition.time[:, index : index + 1]
        part = condition.state + time
        if noisy.dim() == 4:
            part = part.unsqueeze(2)
        return self._predict(part, noisy, self.alpha_bar[index])

    def at_levels(self, condition: Condition, noisy: Tensor, levels: Tensor) -> Tensor:
        """Noise in actions (n, B, K, D), each at its own level, indices (n, B, K)."""
        agent = torch.arange(self.agents, device=levels.device).reshape(-1, 1, 1)
        part = condition.state.unsqueeze(2) + condition.time[agent, levels]
        return self._predict(part, noisy, self.alpha_bar[levels].unsqueeze(-1))

    def _predict(self, part: Tensor, noisy: Tensor, alpha_bar: Tensor) -> Tensor:
        # What fills up a narrower agent's action is neither read nor said.
        real = self.real.reshape(self.agents, *[1] * (noisy.dim() - 2), -1)
        noisy = noisy * real
        correction = self._apart(self.finish(self._together(part), self._together(noisy)))
        return diffusion.normal_noise(noisy, alpha_bar, self.spread) + correction * real

    def _together(self, rows: Tensor) -> Tensor:
        """Agents with shared weights are rows of one batch: (n, B, ...) to (1, n B, ...)."""
        return rows.flatten(0, 1).unsqueeze(0) if self.shared else rows

    def _apart(self, rows: Tensor) -> Tensor:
        return rows.squeeze(0).unflatten(0, (self.agents, -1)) if self.shared else rows


def make_denoisers(
    observations: Sequence[int], actions: Sequence[int], block: DiffusionConfig, shared: bool
) -> Denoisers:
    """The denoisers of a ``diffusion:`` block."""
    return Denoisers(
        observations,
        actions,
        diffusion.cosine(block.steps).alpha_bar,
        block.units,
        block.activation,
        block.time_embedding,
        block.time_units,
        block.output_scale,
        block.spread,
        shared,
    )
