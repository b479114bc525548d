"""Small networks from numbers instead of whole blocks of settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlg_genpo.common.flow_config import FlowConfig, space_of
from rlg_genpo.common.gaussian_base import GaussianBase
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.ddpl.config import ActionValueConfig
from rlg_genpo.ddpl.networks import ActionValues


def velocity_of(
    condition_dim: int,
    action_dim: int,
    steps: int,
    units: Sequence[int],
    activation: str = "mish",
    time_embedding: int = 32,
    time_units: Sequence[int] = (256, 256),
    output_scale: float = 0.01,
) -> Velocity:
    flow = FlowConfig(
        steps=steps,
        units=tuple(units),
        activation=activation,
        time_embedding=time_embedding,
        time_units=tuple(time_units),
        output_scale=output_scale,
    )
    return Velocity(condition_dim, action_dim, flow)


def base_of(
    space: Mapping[str, Any],
    feature_dim: int,
    action_dim: int,
    initializer: Mapping[str, Any] | None = None,
) -> GaussianBase:
    """The Gaussian of a ``network.space.continuous``; ``initializer`` is the trunk's."""
    settings = space_of({"space": {"continuous": space}})
    return GaussianBase(settings, initializer, feature_dim, action_dim)


def action_values_of(
    obs: Sequence[int],
    act: Sequence[int],
    units: Sequence[int],
    activation: str = "silu",
    shared: bool = False,
) -> ActionValues:
    return ActionValues(obs, act, ActionValueConfig(tuple(units), activation), shared)
