"""A trained policy as one torch module, to be exported: observation in, environment's action out.

Everything that a player does between the two stands inside: the division of images by 255,
normalisation, trunk, policy, clamp and rescaling. What a player keeps for itself, the states of a
recurrent trunk and random noise, are inputs and outputs. B batch, D action size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

#: of a recurrent trunk, in rl_games' order; a GRU has the first alone
STATES = ("hidden", "cell")
#: (observations, states, noise or None) to actions (B, D), not clamped, and the next states
Act = Callable[[Any, Any, Any], tuple[Tensor, Any]]


@dataclass(frozen=True)
class Port:
    """A named input or output."""

    name: str
    shape: tuple[int, ...]  # without the batch
    dtype: torch.dtype = torch.float32
    axis: int = 0  # where the batch stands

    def example(self, rows: int) -> Tensor:
        """Zeros of ``rows`` rows."""
        shape = (*self.shape[: self.axis], rows, *self.shape[self.axis :])
        return torch.zeros(shape, dtype=self.dtype)


@dataclass(frozen=True)
class Part:
    """A policy that acts by itself: the whole, or one of several agents."""

    #: of the agent; None where there is one policy
    name: str | None
    #: what :attr:`act` computes with
    module: nn.Module
    act: Act
    #: of the observation, or of each of its parts by name; without the batch
    shape: Any
    #: its own components of a flat observation and of the action
    observed: slice
    acted: slice
    #: how many normal numbers a sample is made of; None where it cannot be given them
    noise: int | None
    #: shapes of the trunk's states without the batch, and how many of them are the policy's own
    states: tuple[tuple[int, int], ...] = ()
    own_states: int = 0


def whole(player: Any, noise: int | None, act: Act) -> Part:
    """The one policy of a player of rl_games', which is also a subclass of ours."""
    states = player.model.get_default_rnn_state() or ()
    network = player.model.a2c_network
    own = len(states) // 2 if network.is_separate_critic() else len(states)
    return Part(
        name=None,
        module=player.model,
        act=act,
        shape=player.obs_shape,
        observed=slice(None),
        acted=slice(0, player.actions_num),
        noise=noise,
        states=tuple((len(state), state.shape[-1]) for state in states),
        own_states=own,
    )


class Deployed(nn.Module):
    """Called with its :attr:`inputs` in order; returns the action, or a tuple of :attr:`outputs`.

    Args:
        part: the policy.
        observed: its observations; one, or those of a dictionary.
        bounds: (low, high), (D,) each, to which actions are brought; None to leave them alone.
        rescales: whether [-1, 1] is stretched to the bounds; else actions are clamped to them.
        limit: at which observations are clamped before anything else; None for not at all.
        sample: whether noise is an input; without, the action is the deterministic one.
    """

    low: Tensor | None
    high: Tensor | None

    def __init__(
        self,
        part: Part,
        observed: Sequence[Port],
        bounds: tuple[Tensor, Tensor] | None,
        rescales: bool,
        limit: float | None = None,
        sample: bool = False,
    ) -> None:
        super().__init__()
        self.part, self.module = part, part.module
        self.observed, self.limit = tuple(observed), limit
        low, high = bounds or (None, None)
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        self.rescales = rescales
        own = part.states[: part.own_states]
        names = STATES if len(own) <= len(STATES) else [f"state_{i}" for i in range(len(own))]
        self.states = tuple(Port(n, s, axis=1) for n, s in zip(names, own, strict=False))
        self.noise = (Port("noise", (part.noise or 0,)),) if sample else ()
        self.inputs = (*self.observed, *self.states, *self.noise)
        action = Port("action", (part.acted.stop - part.acted.start,))
        self.outputs = (action, *(Port(f"next_{s.name}", s.shape, axis=1) for s in self.states))
        self.eval()

    def forward(self, *given: Tensor) -> Any:
        seen = [self._prepared(obs) for obs in given[: len(self.observed)]]
        obs: Any = seen[0]
        if isinstance(self.part.shape, dict):
            obs = {port.name: one for port, one in zip(self.observed, seen, strict=True)}
        own = given[len(self.observed) : len(self.observed) + len(self.states)]
        noise = given[-1] if self.noise else None
        # A critic of its own has states too, which no action depends on.
        rest = self.part.states[len(own) :]
        idle = [seen[0].new_zeros(layers, seen[0].shape[0], units) for layers, units in rest]
        states = (*own, *idle) or None
        action, states = self.part.act(obs, states, noise)
        action = self._brought(action)
        return (action, *states[: len(own)]) if own else action

    def _prepared(self, obs: Tensor) -> Tensor:
        if obs.dtype == torch.uint8:
            obs = obs.float() / 255.0  # as rl_games shows images
        return obs if self.limit is None else obs.clamp(-self.limit, self.limit)

    def _brought(self, action: Tensor) -> Tensor:
        """To the environment's bounds."""
        if self.low is None or self.high is None:
            return action
        if not self.rescales:
            return torch.maximum(torch.minimum(action, self.high), self.low)
        half, middle = (self.high - self.low) / 2, (self.high + self.low) / 2
        return action.clamp(-1, 1) * half + middle
