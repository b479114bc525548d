"""DDPL's player: every agent acts by itself, from its own slice of the observation."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.deployed import Part
from rlg_genpo.common.player import Player
from rlg_genpo.ddpl.single import AgentPolicy, taken_apart


class DDPLPlayer(Player):
    """``algo.name: ddpl``."""

    actors: Sequence[AgentPolicy] = ()

    def restore(self, fn: str) -> None:
        super().restore(fn)
        self.actors = taken_apart(self.model, self.settings)

    def choose(self, obs: Any, deterministic: bool) -> Tensor:
        # No critic, no joint network: the agents go their own ways.
        actors = self.apart()
        parts = obs.split([actor.agent.obs for actor in actors], dim=-1)
        actions = [actor(part, deterministic) for actor, part in zip(actors, parts, strict=True)]
        return torch.cat(actions, dim=-1)

    def apart(self) -> Sequence[AgentPolicy]:
        """The agents, taken out of the joint network once."""
        self.actors = self.actors or taken_apart(self.model, self.settings)
        return self.actors

    def parts(self) -> list[Part]:
        """Every agent's policy, on its own slices."""
        found, obs, act = [], 0, 0
        for actor in self.apart():
            agent = actor.agent
            found.append(
                Part(
                    name=agent.name,
                    module=actor,
                    act=partial(acting, actor),
                    shape=(agent.obs,),
                    observed=slice(obs, obs + agent.obs),
                    acted=slice(act, act + agent.act),
                    noise=actor.policy.noise_width(None),
                )
            )
            obs, act = obs + agent.obs, act + agent.act
        return found


def acting(
    actor: AgentPolicy, obs: Tensor, states: Any, noise: Tensor | None
) -> tuple[Tensor, tuple[()]]:
    """An agent as :class:`Part` calls it; it has no states."""
    return actor(obs, noise=noise), ()
