"""DDPL's network: rl_games' trunk for the critic of the state, and a denoiser for each agent."""

from typing import Any

from rlg_genpo.common.network import ActorCritic, PolicyBuilder
from rlg_genpo.ddpl.config import DDPLConfig
from rlg_genpo.ddpl.networks import ActionValues, Denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.host import compat


class DDPLBuilder(PolicyBuilder):
    """``network.name: ddpl_actor_critic``."""

    settings: DDPLConfig

    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        if kwargs["input_shape"] is None:
            compat.refuse_space("observation")
        agents = self.settings.agents
        assert agents is not None, "resolve() holds them against the environment before"
        trunk = self.make_trunk(own_critic=True, **kwargs)
        sizes = [agent.obs for agent in agents], [agent.act for agent in agents]
        policy = DDPL(self.make_denoisers(*sizes), self.make_action_values(*sizes))
        return ActorCritic(trunk, policy, on_features=False)

    def make_denoisers(self, observations: list[int], actions: list[int]) -> Denoisers:
        """The policies; a replacement subclasses :class:`Denoisers`."""
        return Denoisers(observations, actions, self.settings.diffusion)

    def make_action_values(self, observations: list[int], actions: list[int]) -> ActionValues:
        """A_i; a replacement subclasses :class:`ActionValues`."""
        shared = self.settings.diffusion.shared_weights
        return ActionValues(observations, actions, self.settings.action_value, shared)
