"""Trunk and policy head as one network: observation in; condition source, value and states out."""

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn


class ActorCritic(nn.Module):
    """A trunk with a value, and the policy head that stands on it.

    Args:
        trunk: maps rl_games' observation dictionary to (features (B, F), value (B, V), states), and
            offers ``is_rnn``, ``get_default_rnn_state``, ``get_value_layer`` and ``get_aux_loss``
            as rl_games' networks do.
        policy: the head; a :class:`rlg_genpo.common.policy.Policy`.
        on_features: whether the head sees the trunk's features or the observation itself.
    """

    def __init__(self, trunk: Any, policy: nn.Module, on_features: bool) -> None:
        super().__init__()
        self.trunk = trunk
        self.policy = policy
        self.on_features = on_features
        #: rl_games' word for a sigma that does not depend on the state
        self.fixed_sigma = hasattr(policy, "log_sigma")

    @property
    def sigma(self) -> Tensor:
        """The Gaussian's log sigma, (D,), which rl_games fills with its ``sigma`` argument.

        Raises:
            AttributeError: the policy has none; rl_games then leaves it alone.
        """
        return cast(Tensor, self.policy.log_sigma)

    def forward(self, inputs: Mapping[str, Any]) -> tuple[Tensor, Tensor, Any]:
        features, value, states = self.trunk(inputs)
        return (features if self.on_features else inputs["obs"]), value, states

    def source(self, inputs: Mapping[str, Any]) -> Tensor:
        """What the head sees, without the trunk where the head does not stand on it."""
        return self.trunk(inputs)[0] if self.on_features else inputs["obs"]

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
