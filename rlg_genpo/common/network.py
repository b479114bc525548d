"""From a user's ``network:`` block to a network: rl_games' own trunk with a policy on it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch.network_builder import NetworkBuilder
from torch import Tensor, nn

from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.flow_config import PATH, space_of
from rlg_genpo.common.gaussian_base import GaussianBase
from rlg_genpo.common.messages import Seen
from rlg_genpo.common.policy import Policy
from rlg_genpo.common.trunks import DictTrunk, Trunk
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat


class ActorCritic(nn.Module):
    """A trunk with a value, and the policy that stands on it.

    Args:
        trunk: maps rl_games' observation dictionary to (features (B, F), value (B, V), states), and
            offers ``is_rnn``, ``get_default_rnn_state``, ``get_value_layer`` and ``get_aux_loss``
            as rl_games' networks do.
        policy: conditioned on (B, C).
        on_features: whether that has the trunk's features.
        on_observation: whether it has the observation itself, after these; without features it
            has that alone.
    """

    def __init__(
        self, trunk: Any, policy: Policy, on_features: bool, on_observation: bool = False
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.policy = policy
        self.on_features = on_features
        self.on_observation = on_observation or not on_features
        #: rl_games' word for a sigma that does not depend on the state
        self.fixed_sigma = isinstance(getattr(policy, "raw_sigma", None), nn.Parameter)

    @property
    def sigma(self) -> Tensor:
        """The Gaussian's raw sigma, (D,), which rl_games fills with its ``sigma`` argument.

        Raises:
            AttributeError: the policy has none; rl_games then leaves it alone.
        """
        raw = getattr(self.policy, "raw_sigma", None)
        if raw is None:
            raise AttributeError("sigma")
        return raw

    def forward(self, seen: Seen) -> tuple[Tensor, Tensor, Any]:
        """What the policy is conditioned on (B, C), the value (B, V) and the trunk's states."""
        features, value, states = self.trunk(seen.for_trunk())
        return self._source(features, seen), value, states

    def source(self, seen: Seen) -> Tensor:
        """The first of these, without the trunk where the policy does not stand on it."""
        features = self.trunk(seen.for_trunk())[0] if self.on_features else None
        return self._source(features, seen)

    def _source(self, features: Any, seen: Seen) -> Tensor:
        if not self.on_observation:
            return features
        return torch.cat([features, seen.obs], dim=-1) if self.on_features else seen.obs

    def is_rnn(self) -> bool:
        return self.trunk.is_rnn()

    def is_separate_critic(self) -> bool:
        return self.trunk.is_separate_critic()

    def get_default_rnn_state(self) -> Any:
        return self.trunk.get_default_rnn_state()

    def get_value_layer(self) -> nn.Module:
        return self.trunk.get_value_layer()

    def get_aux_loss(self) -> Any:
        return self.trunk.get_aux_loss()


class PolicyBuilder(NetworkBuilder, ABC):
    """What rl_games builds a network with: the trunk from its own block, the policy from ours.

    To plug in a network of your own, subclass a policy's builder, override one of its ``make_*``
    methods, and register the subclass with rl_games under a name of yours.
    """

    params: Mapping[str, Any]
    settings: Any

    def load(self, params: Mapping[str, Any]) -> None:
        """Keep rl_games' network block, which the trunk is built from."""
        self.params = params

    def receive(self, settings: PolicyConfig) -> None:
        """Take the policy's settings, which an agent or a player has parsed."""
        self.settings = settings

    @abstractmethod
    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        """The network for rl_games' ``input_shape``, ``actions_num`` and what else it knows."""

    def make_trunk(self, own_critic: bool, **kwargs: Any) -> Any:
        """A trunk for rl_games' build arguments (``input_shape``, ``value_size``, ``num_seqs``).

        A replacement is a module with a ``feature_dim`` that offers what :class:`ActorCritic` asks
        of a trunk.

        Args:
            own_critic: whether the policy does not stand on the trunk, which then is the critic's.
        """
        params = {**self.params, "separate": False} if own_critic else self.params
        kind = DictTrunk if isinstance(kwargs["input_shape"], Mapping) else Trunk
        return kind(params, **kwargs)


def flat_size(input_shape: Any, why: str) -> int:
    """The width of a flat observation.

    Raises:
        ConfigError: it is not flat; ``why`` names the setting that needs it to be, with ``{shape}``
            in the place of the observation's shape.
    """
    if isinstance(input_shape, Mapping) or len(input_shape) != 1:
        raise ConfigError(why.format(shape=input_shape))
    return input_shape[0]


class FlowBuilder(PolicyBuilder):
    """Builds a policy whose settings have a ``flow``, a :class:`FlowConfig`."""

    @abstractmethod
    def make_policy(self, velocity: Velocity, base: GaussianBase | None) -> Policy:
        """The policy around a velocity network, on a Gaussian or on the standard normal."""

    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        if kwargs["input_shape"] is None:
            compat.refuse_space("observation")
        shape, flow = kwargs["input_shape"], self.settings.flow
        on_features = flow.condition == "features"
        if flow.condition is None:
            flat = not isinstance(shape, Mapping) and len(shape) == 1
            on_features = not flat or "rnn" in self.params or "cnn" in self.params
        condition_dim = 0
        if not on_features:
            condition_dim = flat_size(
                shape,
                f"{PATH}.condition: 'observation' needs a flat observation vector, got "
                "shape {shape}; use condition: features.",
            )
        trunk = self.make_trunk(not (on_features or flow.based), **kwargs)
        actions = kwargs["actions_num"]
        velocity = self.make_velocity(condition_dim or trunk.feature_dim, actions)
        base = self.make_base(trunk.feature_dim, actions) if flow.based else None
        policy = self.make_policy(velocity, base)
        return ActorCritic(trunk, policy, on_features or flow.based, not on_features)

    def make_base(self, feature_dim: int, action_dim: int) -> GaussianBase:
        """The Gaussian of ``network.space.continuous`` on the trunk's features."""
        initializer = (self.params.get("mlp") or {}).get("initializer")
        return GaussianBase(space_of(self.params), initializer, feature_dim, action_dim)

    def make_velocity(self, condition_dim: int, action_dim: int) -> Velocity:
        """The velocity network; a replacement subclasses :class:`Velocity`."""
        return Velocity(condition_dim, action_dim, self.settings.flow)
