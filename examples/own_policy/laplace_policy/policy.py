"""The Laplace policy and its network. B batch, F features of the trunk, D action size."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Laplace

from rlg_genpo.common.network import ActorCritic, PolicyBuilder
from rlg_genpo.common.policy import Acted, Evaluated, LikelihoodPolicy


class LaplacePolicy(LikelihoodPolicy):
    """Independent Laplace distributions around a linear map of the trunk's features.

    Stores and executes the same action, so ``stored_dim`` is D.
    """

    def __init__(self, features: int, actions: int, scale: float) -> None:
        super().__init__()
        self.mean = nn.Linear(features, actions)
        self.log_scale = nn.Parameter(torch.full((actions,), math.log(scale)))
        self.stored_dim = actions

    def condition(self, source: Tensor) -> Laplace:
        mean = self.mean(source)
        return Laplace(mean, self.log_scale.exp().expand_as(mean), validate_args=False)

    def act(self, condition: Laplace) -> Acted:
        action = condition.sample()
        return Acted(action, -condition.log_prob(action).sum(dim=-1))

    def evaluate(self, condition: Laplace, stored: Tensor) -> Evaluated:
        neglogp = -condition.log_prob(stored).sum(dim=-1)
        return Evaluated(neglogp, condition.entropy().sum(dim=-1))

    def resample(self, condition: Laplace, count: int) -> Tensor:
        return condition.rsample()[:count]

    def deterministic_action(self, condition: Laplace) -> Tensor:
        return condition.mean

    def to_env(self, stored: Tensor) -> Tensor:
        return stored


class LaplaceBuilder(PolicyBuilder):
    """``network.name: laplace_actor_critic``."""

    def build(self, name: str, **kwargs: Any) -> ActorCritic:
        trunk = self.make_trunk(own_critic=False, **kwargs)
        scale = self.settings.laplace.scale
        policy = LaplacePolicy(trunk.feature_dim, kwargs["actions_num"], scale)
        return ActorCritic(trunk, policy, on_features=True)
