"""DDPL's policy: one diffusion policy per agent, each on its own observation.

Reconstructed: see :mod:`rlg_genpo.ddpl.agent`. n agents, B states, K proposals, T noise levels; O
and D the largest observation and action size.
"""

from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.policy import Acted, Policy
from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.networks import ActionValues, Condition, Denoisers


class DDPL(Policy):
    """Stores and executes all agents' actions, one after the other, (B, sum of D_i).

    Args:
        denoisers: the policies.
        action_values: the critics A_i, for training alone; None to act only.
    """

    action_values: Any
    alpha_bar: Tensor

    def __init__(self, denoisers: Denoisers, action_values: ActionValues | None = None) -> None:
        super().__init__()
        self.denoisers, self.action_values = denoisers, action_values
        self.observations, self.actions = denoisers.observations, denoisers.actions
        self.stored_dim = self.actions.total
        config = denoisers.config
        self.variance = config.variance
        levels = diffusion.respaced(config.steps, config.sampling_steps or config.steps)
        self.register_buffer("alpha_bar", denoisers.alpha_bar[levels], persistent=False)
        # Known on the host, so that the sampling loop never waits for the device.
        self.order = levels.tolist()

    def condition(self, source: Tensor) -> Tensor:
        # Rollouts want the denoisers, critics do not: the update pays for neither twice.
        return source

    def states(self, source: Tensor) -> Condition:
        """What the denoisers need of states (B, S): each agent's from its own slice alone."""
        return self.denoisers.condition(self.observations.split(source))

    def sample(
        self, states: Condition, start: Tensor, temperature: float = 1.0, **given: Any
    ) -> Tensor:
        """Noise (n, B, D), or (n, B, K, D) for K draws at each state, carried to actions.

        ``given`` are further arguments of :func:`diffusion.reverse`.
        """
        return diffusion.reverse(
            lambda noisy, index: self.denoisers(states, noisy, self.order[index]),
            start,
            diffusion.following(self.alpha_bar),
            self.variance,
            temperature,
            **given,
        )

    def noise(self, states: Condition, *draws: int) -> Tensor:
        """What sampling starts from, (n, B, *draws, D)."""
        agents, count, _ = states.state.shape
        return states.state.new_empty(agents, count, *draws, self.actions.width).normal_()

    def act(self, condition: Tensor) -> Acted:
        with torch.no_grad():
            states = self.states(condition)
            action = self.actions.merge(self.sample(states, self.noise(states)))
        return Acted(action)

    def deterministic_action(self, condition: Tensor) -> Tensor:
        """The reverse process from its middle, without noise.

        Where several modes are alike it need not end in one of them.
        """
        states = self.states(condition)
        agents, count, _ = states.state.shape
        start = states.state.new_zeros(agents, count, self.actions.width)
        return self.actions.merge(self.sample(states, start, temperature=0.0))

    def to_env(self, stored: Tensor) -> Tensor:
        return stored

    def noise_width(self, deployment: str | None) -> int:
        return len(self.order) * self.stored_dim

    def play_from(self, condition: Tensor, noise: Tensor, deployment: str | None) -> Tensor:
        """Noise of the start and then of each reverse step but the last, (B, stored_dim) each."""
        draws = [self.actions.split(part) for part in noise.split(self.stored_dim, dim=-1)]
        start, *rest = draws
        later = iter(rest)
        action = self.sample(self.states(condition), start, normal=lambda x: next(later))
        return self.actions.merge(action)
