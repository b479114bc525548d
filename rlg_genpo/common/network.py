"""From a user's ``network:`` block to a network: rl_games' own trunk with a head of ours on it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from rl_games.algos_torch.network_builder import NetworkBuilder

from rlg_genpo.common.actor_critic import ActorCritic
from rlg_genpo.common.flow_config import PATH
from rlg_genpo.common.policy import Policy
from rlg_genpo.common.trunks import DictTrunk, Trunk
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat


class FlowBuilder(NetworkBuilder, ABC):
    """Builds a policy whose YAML has a ``flow:`` block.

    To plug in a trunk, a velocity or a policy of your own, subclass a policy's builder, override
    one of the ``make_*`` methods, and register the subclass with rl_games under a name of yours.
    """

    params: Mapping[str, Any]
    flow: Any  #: the policy's own :class:`rlg_genpo.common.flow_config.FlowConfig`

    @abstractmethod
    def load(self, params: Mapping[str, Any]) -> None:
        """Keep and parse the network block."""

    @abstractmethod
    def make_policy(self, velocity: Velocity, condition_dim: int) -> Policy:
        """The head around a velocity network."""

    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        obs_shape = kwargs["input_shape"]
        if obs_shape is None:
            compat.refuse_space("observation")
        on_features = self.flow.condition == "features"
        if not on_features and (isinstance(obs_shape, Mapping) or len(obs_shape) != 1):
            raise ConfigError(
                f"{PATH}.condition: 'observation' needs a flat observation vector, got "
                f"shape {obs_shape}; use condition: features."
            )
        trunk = self.make_trunk(**kwargs)
        condition_dim = trunk.feature_dim if on_features else obs_shape[0]
        velocity = self.make_velocity(condition_dim, kwargs["actions_num"])
        return ActorCritic(trunk, self.make_policy(velocity, condition_dim), on_features)

    def make_trunk(self, **kwargs: Any) -> Any:
        """A trunk for rl_games' build arguments (``input_shape``, ``value_size``, ``num_seqs``).

        A replacement is a module with a ``feature_dim`` that offers what :class:`ActorCritic` asks
        of a trunk.
        """
        params = self.params
        if self.flow.condition == "observation":
            # The head does not stand on the trunk, which is then the critic's own.
            params = {**params, "separate": False}
        kind = DictTrunk if isinstance(kwargs["input_shape"], Mapping) else Trunk
        return kind(params, **kwargs)

    def make_velocity(self, condition_dim: int, action_dim: int) -> Velocity:
        """The velocity network; a replacement subclasses :class:`Velocity`."""
        flow = self.flow
        return Velocity(
            condition_dim,
            action_dim,
            flow.steps,
            flow.units,
            flow.activation,
            flow.time_embedding,
            flow.time_units,
            flow.output_scale,
        )
