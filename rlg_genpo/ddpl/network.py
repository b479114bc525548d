"""DDPL's network: rl_games' trunk for the critic of the state, and a denoiser for each agent."""

from collections.abc import Mapping
from typing import Any

from rl_games.algos_torch.network_builder import NetworkBuilder

from rlg_genpo.common.actor_critic import ActorCritic
from rlg_genpo.common.trunks import Trunk
from rlg_genpo.ddpl import config as ddpl
from rlg_genpo.ddpl.action_values import ActionValues
from rlg_genpo.ddpl.denoisers import Denoisers
from rlg_genpo.ddpl.make_denoisers import make_denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.ddpl.slices import Slices
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat


class Team(ActorCritic):
    """The network of several agents, and what each of them is.

    Args:
        trunk: of the critic of the state.
        policy: all agents'.
        agents: whose slices are whose.
        diffusion: what each agent's policy is built from.
    """

    def __init__(
        self,
        trunk: Trunk,
        policy: DDPL,
        agents: tuple[ddpl.AgentConfig, ...],
        diffusion: ddpl.DiffusionConfig,
    ) -> None:
        super().__init__(trunk, policy, on_features=False)
        self.agents = agents
        self.diffusion = diffusion


class DDPLBuilder(NetworkBuilder):
    """``network.name: ddpl_actor_critic``.

    To plug in networks of your own, subclass it, override one of the ``make_*`` methods, and
    register the subclass with rl_games under a name of yours.
    """

    params: Mapping[str, Any]

    def load(self, params: Mapping[str, Any]) -> None:
        """Keep and parse the network block."""
        self.params = params
        self.agents = ddpl.parse_agents(params)
        self.diffusion = ddpl.parse_diffusion(params)
        self.action_value = ddpl.parse_action_value(params)

    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        shape = kwargs["input_shape"]
        if shape is None:
            compat.refuse_space("observation")
        if self.agents is None:
            raise ConfigError(f"{ddpl.AGENTS}: missing; list each agent's {{name, obs, act}}.")
        if isinstance(shape, Mapping) or len(shape) != 1:
            raise ConfigError(
                f"{ddpl.AGENTS}: the agents' slices need a flat observation vector, got {shape}."
            )
        ddpl.check_sizes(self.agents, shape[0], kwargs["actions_num"])
        ddpl.check_shared(self.agents, self.diffusion)
        # The heads do not stand on the trunk, which is the critic's own.
        trunk = Trunk({**self.params, "separate": False}, **kwargs)
        observations = [agent.obs for agent in self.agents]
        actions = [agent.act for agent in self.agents]
        policy = DDPL(
            Slices(observations),
            Slices(actions),
            self.make_denoisers(observations, actions),
            self.make_action_values(observations, actions),
            self.diffusion.sampling_steps or self.diffusion.steps,
            self.diffusion.variance,
        )
        return Team(trunk, policy, self.agents, self.diffusion)

    def make_denoisers(self, observations: list[int], actions: list[int]) -> Denoisers:
        """The policies; a replacement subclasses :class:`Denoisers`."""
        shared = self.diffusion.shared_weights
        return make_denoisers(observations, actions, self.diffusion, shared)

    def make_action_values(self, observations: list[int], actions: list[int]) -> ActionValues:
        """A_i; a replacement subclasses :class:`ActionValues`."""
        block = self.action_value
        return ActionValues(
            observations, actions, block.units, block.activation, self.diffusion.shared_weights
        )
