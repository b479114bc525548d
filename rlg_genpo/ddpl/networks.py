"""DDPL's networks: those of n agents side by side, in one matrix product.

n agents, B states, K actions at each, T noise levels; D and O the largest action and observation
size, S width of the full state, H width of the first hidden layer, P features of an action. Every
tensor has the agents first, (n, B, width), and so has every parameter, (n, in, out): agent i's
gradient stands in row i of each. With shared weights n is 1, and the agents are rows of one batch.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rlg_genpo.common.layers import ACTIVATIONS, scale_output
from rlg_genpo.common.velocity import sinusoidal
from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import ActionValueConfig, DiffusionConfig


class Slices(nn.Module):
    """Takes flat vectors (B, S) apart into agents side by side, (n, B, W), and together again.

    A host such as Isaac Lab hands all agents' observations over as one vector, one agent's slice
    after the other; S is the sum of ``sizes``, W the largest. Narrower slices are filled with
    zeros, which carry nothing from one agent to another.
    """

    real: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.width, self.total = max(sizes), sum(sizes)
        real = torch.arange(self.width) < torch.tensor(sizes).unsqueeze(-1)
        #: (n, 1, W), 1 where an agent has a component and 0 where it is filled up
        self.register_buffer("real", real.float().unsqueeze(1), persistent=False)

    def split(self, flat: Tensor) -> Tensor:
        """(B, S) to (n, B, W)."""
        parts = flat.split(self.sizes, dim=-1)
        return torch.stack([functional.pad(own, (0, self.width - own.shape[-1])) for own in parts])

    def merge(self, parts: Tensor) -> Tensor:
        """(n, B, W) to (B, S); what stands in the filling is dropped."""
        own = [part[:, :size] for part, size in zip(parts, self.sizes, strict=True)]
        return torch.cat(own, dim=-1)


class TeamLinear(nn.Module):
    """n linear layers, (n, B, the largest of ``inputs``) to (n, B, outputs).

    Each agent's parameters are drawn as ``torch.nn.Linear`` draws them for the agent's own width;
    narrower inputs are filled up with zeros.
    """

    bias: Any

    def __init__(self, inputs: Sequence[int], outputs: int, bias: bool = True) -> None:
        super().__init__()
        count, width = len(inputs), max(inputs)
        bound = torch.tensor([1 / math.sqrt(own) for own in inputs]).reshape(count, 1, 1)
        self.weight = nn.Parameter((2 * torch.rand(count, width, outputs) - 1) * bound)
        self.bias = nn.Parameter((2 * torch.rand(count, 1, outputs) - 1) * bound) if bias else None

    def forward(self, inputs: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(inputs, self.weight)
        return torch.baddbmm(self.bias, inputs, self.weight)


def team_mlp(
    count: int, widths: Sequence[int], activation: str, scale: float = 1.0
) -> nn.Sequential:
    """n MLPs, from the input's width to the output's, whose last layer starts at ``scale``."""
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [TeamLinear([inputs] * count, outputs), ACTIVATIONS[activation]()]
    scale_output(layers[-2], scale)
    return nn.Sequential(*layers[:-1])


class Team(nn.Module):
    """Networks of several agents, which are rows of one batch where they share their weights."""

    def __init__(self, agents: int, shared: bool) -> None:
        super().__init__()
        self.agents, self.shared = agents, shared
        self.count = 1 if shared else agents  # sets of weights

    def _together(self, rows: Tensor) -> Tensor:
        """(n, B, ...) to (1, n B, ...) where the weights are shared."""
        return rows.flatten(0, 1).unsqueeze(0) if self.shared else rows

    def _apart(self, rows: Tensor) -> Tensor:
        return rows.squeeze(0).unflatten(0, (self.agents, -1)) if self.shared else rows


class Condition(NamedTuple):
    """What the denoisers need of the states: computed once, not per action and noise level."""

    state: Tensor  # (n, B, H)
    time: Tensor  # (n, T, H)


class Denoisers(Team):
    """eps_theta_i(o_i, a_t, t), side by side for all agents.

    The network's output is added to the noise that normally distributed actions would have, so that
    an untrained policy is about that normal, cut off at the bounds. This is ours; the source says
    nothing of it, and a network that starts at zero alone would act at the bounds.

    ``observations`` are the O_i, ``actions`` the D_i; under shared weights all agents' must agree.
    """

    alpha_bar: Tensor
    features: Tensor

    def __init__(
        self, observations: Sequence[int], actions: Sequence[int], config: DiffusionConfig
    ) -> None:
        super().__init__(len(actions), config.shared_weights)
        self.observations, self.actions = Slices(observations), Slices(actions)
        self.config = config
        count, activation, width = self.count, config.activation, config.time_embedding
        first, widths = config.units[0], [*config.units, max(actions)]
        # Each part is drawn as a layer of its own: beside a long observation, an action of two
        # numbers would hardly be seen, and the output be all but linear in it.
        self.from_state = TeamLinear(observations[:count], first)
        self.from_action = TeamLinear(actions[:count], first, bias=False)
        rest = team_mlp(count, widths, activation, config.output_scale)
        self.rest = nn.Sequential(ACTIVATIONS[activation](), *rest)
        self.time = team_mlp(count, [width, *config.time_units, width], activation)
        self.from_time = TeamLinear([width] * count, first, bias=False)
        levels = torch.arange(1, config.steps + 1).float()
        self.register_buffer("alpha_bar", diffusion.cosine(config.steps).alpha_bar.float())
        self.register_buffer("features", sinusoidal(levels, width))

    def condition(self, obs: Tensor) -> Condition:
        """Everything that does not depend on the action; ``obs`` is (n, B, O)."""
        state = self._apart(self.from_state(self._together(obs)))
        features = self.features.expand(self.count, -1, -1)
        return Condition(state, self.from_time(self.time(features)).expand(self.agents, -1, -1))

    def forward(self, condition: Condition, noisy: Tensor, index: int) -> Tensor:
        """Noise in actions (n, B, D) or (n, B, K, D), all at level ``index`` + 1."""
        part = condition.state + condition.time[:, index : index + 1]
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
        real = self.actions.real.reshape(self.agents, *[1] * (noisy.dim() - 2), -1)
        noisy = noisy * real
        action = self._together(noisy)
        rows = action.shape[1:-1]
        first = self.from_action(action.flatten(1, -2)).unflatten(1, rows) + self._together(part)
        correction = self._apart(self.rest(first.flatten(1, -2)).unflatten(1, rows))
        return diffusion.normal_noise(noisy, alpha_bar, self.config.spread) + correction * real


class ActionValues(Team):
    """A_i(s, a_i) of Q_i(s, a_i) = V(s) + A_i(s, a_i), side by side for all agents.

    V is the critic of the state. One step's action changes a return by far less than the state does
    and less than chance does. So A_i is a sum of P products of a feature of the action and its
    weight at the state, and among the features is the action itself, whose weight is learned as
    directly as a policy gradient. Ours.

    Each agent's network sees the full state, its own observation first, the others' after it in
    turn: a view in which agents with shared weights stay apart.

    ``observations`` are the O_i, whose sum is S, ``actions`` the D_i; P is D more than the last of
    the hidden widths.
    """

    def __init__(
        self,
        observations: Sequence[int],
        actions: Sequence[int],
        config: ActionValueConfig,
        shared: bool,
    ) -> None:
        super().__init__(len(actions), shared)
        total, width, features = sum(observations), max(actions), config.units[-1]
        count, activation = self.count, config.activation
        widths = [total, *config.units, width + features]
        self.weights = team_mlp(count, widths, activation, 0.0)
        self.features = team_mlp(count, [width, features, features], activation)
        self.starts = list(itertools.accumulate(observations[:-1], initial=0))

    def forward(self, source: Tensor, action: Tensor) -> Tensor:
        """States (B, S) and actions (n, B, K, D) to (n, B, K)."""
        view = torch.stack([source.roll(-start, dims=-1) for start in self.starts])
        weights = self._apart(self.weights(self._together(view)))
        learned = self._apart(self.features(self._together(action.flatten(1, 2))))
        features = torch.cat([action, learned.unflatten(1, action.shape[1:3])], dim=-1)
        return (features @ weights.unsqueeze(-1)).squeeze(-1)
