"""DDPL's networks: those of n agents side by side, in one matrix product.

n agents, B states, K actions at each, T noise levels; D and O the largest action and observation
size, S width of the full state, H width of the first hidden layer, P features of an action. Every
tensor has the agents first, (n, B, width), and so has every parameter, (n, in, out): agent i's
gradient stands in row i of each. With shared weights n is 1, and the agents are rows of one batch.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rlg_genpo.common.layers import ACTIVATIONS
from rlg_genpo.common.velocity import sinusoidal
from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import ActionValueConfig, DiffusionConfig


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
        activation: a key of :data:`rlg_genpo.common.layers.ACTIVATIONS`.
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


class Together:
    """Lets agents with shared weights be rows of one batch."""

    shared: bool
    agents: int

    def _together(self, rows: Tensor) -> Tensor:
        """(n, B, ...) to (1, n B, ...) where the weights are shared."""
        return rows.flatten(0, 1).unsqueeze(0) if self.shared else rows

    def _apart(self, rows: Tensor) -> Tensor:
        return rows.squeeze(0).unflatten(0, (self.agents, -1)) if self.shared else rows


class Condition(NamedTuple):
    """What the denoisers need of the states: computed once, not per action and noise level."""

    state: Tensor  # (n, B, H)
    time: Tensor  # (n, T, H)


class Denoisers(Together, TeamSplitMLP):
    """eps_theta_i(o_i, a_t, t), side by side for all agents.

    The network's output is added to the noise that normally distributed actions would have, so that
    an untrained policy is about that normal, cut off at the bounds. This is ours; the source says
    nothing of it, and a network that starts at zero alone would act at the bounds.

    Args:
        observations: O_i.
        actions: D_i.
        config: the widths, the noise levels, and the standard deviation of that normal.
        shared: whether there is one set of weights for all agents, whose sizes must agree.
    """

    alpha_bar: Tensor
    features: Tensor
    real: Tensor

    def __init__(
        self,
        observations: Sequence[int],
        actions: Sequence[int],
        config: DiffusionConfig,
        shared: bool,
    ) -> None:
        self.agents, self.shared, self.spread = len(actions), shared, config.spread
        count, act, width = 1 if shared else len(actions), config.activation, config.time_embedding
        super().__init__(
            observations[:count],
            actions[:count],
            config.units,
            max(actions),
            act,
            config.output_scale,
        )
        alpha_bar = diffusion.cosine(config.steps).alpha_bar
        levels = torch.arange(1, config.steps + 1).float()
        self.register_buffer("alpha_bar", alpha_bar.float())
        self.register_buffer("features", sinusoidal(levels, width))
        real = torch.arange(max(actions)) < torch.tensor(actions).unsqueeze(-1)
        self.register_buffer("real", real.float(), persistent=False)
        self.time = team_mlp(count, width, config.time_units, width, act)
        self.from_time = TeamLinear(count, width, config.units[0], bias=False)

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


class ActionValues(Together, nn.Module):
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
        config: hidden widths of the weights' MLP; P is D more than its last.
        shared: whether there is one set of weights for all agents, whose sizes must agree.
    """

    views: Tensor

    def __init__(
        self,
        observations: Sequence[int],
        actions: Sequence[int],
        config: ActionValueConfig,
        shared: bool,
    ) -> None:
        super().__init__()
        self.shared, self.agents = shared, len(actions)
        units, count = config.units, 1 if shared else self.agents
        total, width, features = sum(observations), max(actions), units[-1]
        self.weights = team_mlp(count, total, units, width + features, config.activation, 0.0)
        self.features = team_mlp(count, width, units[-1:], features, config.activation)
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
