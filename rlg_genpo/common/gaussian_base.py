"""The Gaussian that a flow stands on: mu(s) and sigma of rl_games' own ``space.continuous`` block.

Ours: no paper's. A flow that starts from standard normal noise can neither narrow nor move but by
its velocity; on this base it begins as the Gaussian that its user had, and is one whenever its
velocity is zero. B batch, F features of the trunk, D action size.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from rl_games.algos_torch.network_builder import NetworkBuilder
from torch import Tensor, nn
from torch.nn import functional

from rlg_genpo.common.flow_config import SPACE, SpaceConfig
from rlg_genpo.common.policy import Gaussian
from rlg_genpo.common.schema import unknown
from rlg_genpo.errors import ConfigError

#: rl_games' usual initialiser of log sigma
CONSTANT = {"name": "const_initializer", "val": 0}
#: below which float32 has no logarithm
SMALLEST = 1e-30
#: the smallest sigma of ``sigma_parametrization: linear``, as in rl_games
LINEAR_FLOOR = 1e-3


class Base(NamedTuple):
    """The Gaussian of each state."""

    mean: Tensor  # (B, D)
    log_sigma: Tensor  # (B, D), or (D,) where it does not depend on the state

    def action(self, units: Tensor) -> Tensor:
        """mean + sigma units, (B, D): actions of what stands in units of sigma about the mean."""
        return torch.addcmul(self.mean, self.log_sigma.exp(), units)

    def gaussian(self) -> Gaussian:
        """As rl_games knows it."""
        return Gaussian(self.mean, self.log_sigma.exp().expand_as(self.mean))


class GaussianBase(nn.Module):
    """mu and sigma on the trunk's features, initialised as rl_games initialises its Gaussian's.

    Called with what the policy is conditioned on, (B, at least F), features first; returns a
    :class:`Base`.

    Args:
        space: ``network.space.continuous``.
        initializer: rl_games' block of the trunk's ``mlp``, which ``mu_init: {name: default}``
            leaves in force; None where the trunk has none.
        feature_dim: F.
        action_dim: D.
    """

    def __init__(
        self,
        space: SpaceConfig,
        initializer: Mapping[str, Any] | None,
        feature_dim: int,
        action_dim: int,
    ) -> None:
        super().__init__()
        self.space, self.feature_dim = space, feature_dim
        make: Any = NetworkBuilder.BaseNetwork()
        self.mu = nn.Linear(feature_dim, action_dim)
        activations = make.activations_factory
        self.mu_act = made(activations, "mu_activation", {"name": space.mu_activation})
        self.sigma_act = made(activations, "sigma_activation", {"name": space.sigma_activation})
        self.sigma: nn.Parameter | nn.Linear
        if space.fixed_sigma:
            self.sigma = nn.Parameter(torch.zeros(action_dim))
        else:
            self.sigma = nn.Linear(feature_dim, action_dim)
        for layer in (self.mu, self.sigma):
            if isinstance(layer, nn.Linear):
                if initializer is not None:
                    make.init_factory.create(**initializer)(layer.weight)
                nn.init.zeros_(layer.bias)
        if space.mu_init is not None:
            started(make.init_factory, "mu_init", space.mu_init, self.mu.weight)
        self._start_sigma(make.init_factory)

    def _start_sigma(self, initializers: Any) -> None:
        start = self.space.sigma_init or CONSTANT
        if isinstance(self.sigma, nn.Parameter):
            started(initializers, "sigma_init", start, self.sigma)
        elif start["name"] == CONSTANT["name"]:
            # As rl_games does from 2.0 on: before, it filled the weights with the constant, so that
            # sigma began with a value of each state's own.
            nn.init.zeros_(self.sigma.weight)
            nn.init.constant_(self.sigma.bias, start.get("val", 0))
        else:
            started(initializers, "sigma_init", start, self.sigma.weight)

    def forward(self, source: Tensor) -> Base:
        features = source[..., : self.feature_dim]
        raw = self.sigma if isinstance(self.sigma, nn.Parameter) else self.sigma(features)
        return Base(self.mu_act(self.mu(features)), self._log_sigma(self.sigma_act(raw)))

    def _log_sigma(self, raw: Tensor) -> Tensor:
        """Of the raw sigma, (D,) or (B, D); the parametrisations are those of rl_games 2.0."""
        space = self.space
        if space.sigma_parametrization == "softplus":
            return (functional.softplus(raw) + space.min_sigma).clamp_min(SMALLEST).log()
        if space.sigma_parametrization in ("linear", "scalar"):
            floor = max(space.min_sigma, LINEAR_FLOOR)
            return (floor + functional.softplus(raw - floor)).log()
        if space.logstd_bounds is not None:
            raw = raw.clamp(*space.logstd_bounds)
        if space.min_sigma:
            return torch.logaddexp(raw, raw.new_tensor(math.log(space.min_sigma)))
        return raw


def made(factory: Any, key: str, block: Mapping[str, Any]) -> Any:
    """What rl_games makes of a block with a name.

    Raises:
        ConfigError: it knows no such name or option.
    """
    try:
        return factory.create(**block)
    except ValueError as error:
        names = factory._builders
        said = unknown(str(block["name"]), names, "name")
        raise ConfigError(f"{SPACE}.{key}: {block['name']!r}: {said}") from error
    except TypeError as error:
        raise ConfigError(f"{SPACE}.{key}: {dict(block)}; rl_games says: {error}.") from error


def started(initializers: Any, key: str, block: Mapping[str, Any], tensor: Tensor) -> None:
    """Initialise a tensor as a block says.

    Raises:
        ConfigError: rl_games cannot.
    """
    initializer = made(initializers, key, block)
    try:
        initializer(tensor)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{SPACE}.{key}: {dict(block)}; torch says: {error}.") from error
