"""What a setting of ours must agree with in the rest of an rl_games YAML.

rl_games' own keys stay rl_games' business; what is read of them here is only that.
"""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.common.schema import nearest, number
from rlg_genpo.errors import ConfigError

#: rl_games' own words; any other it takes for a constant rate
LR_SCHEDULES = (None, "None", "identity", "constant", "adaptive", "linear")
#: rl_games' own; 2.0 calls legacy per_minibatch, and takes both
SCHEDULE_TYPES = ("legacy", "standard", "per_minibatch")


def refuse_misspelt(network: Mapping[str, Any], block: str, path: str) -> None:
    """A block of ours under a slip of its name, which rl_games would silently ignore."""
    for key in network:
        near = nearest(str(key).lower(), [block], cutoff=0.7)
        if key != block and near != ".":
            raise ConfigError(f"{path}.{key}: unknown key{near}")


def check_names(params: Mapping[str, Any], model: str, network: str) -> None:
    """The model's name is ours; a network of another name is taken for a user's own builder."""
    given = block_at(params, "model").get("name")
    if given != model:
        raise ConfigError(
            f"params.model.name: must be {model} with algo.name {model}, got {given!r}."
        )
    block = block_at(params, "network")
    name = block.get("name")
    if name is None:
        raise ConfigError(f"params.network.name: missing; use {network}.")
    if name == network and not isinstance(block.get("mlp"), Mapping):
        raise ConfigError(
            "params.network.mlp: missing; rl_games' trunk needs units, activation and initializer."
        )
    if name in ("actor_critic", "resnet_actor_critic", "soft_actor_critic", "rnd_curiosity"):
        raise ConfigError(
            f"params.network.name: {name!r} is rl_games' Gaussian or discrete head; "
            f"use {network}, the rest of the block stays as it is."
        )


def check_schedule(config: Mapping[str, Any], bounds: tuple[float, float | None] | None) -> None:
    """``lr_schedule``, and its rate within bounds of ours.

    Args:
        bounds: ``algo.min_lr`` and ``algo.max_lr``, where the policy has them.
    """
    rate = number(config.get("learning_rate"))
    if rate is None or rate <= 0:
        raise ConfigError(
            f"params.config.learning_rate: must be above 0, got {config.get('learning_rate')!r}."
        )
    schedule = config.get("lr_schedule", "missing")
    if schedule not in LR_SCHEDULES:
        raise ConfigError(
            f"params.config.lr_schedule: must be adaptive, linear or constant, got {schedule!r}."
        )
    if schedule == "linear" and config.get("max_epochs", -1) == -1:
        raise ConfigError(
            "params.config.max_epochs: missing; rl_games' lr_schedule linear counts epochs and "
            "does not fall on max_frames alone."
        )
    kind = config.get("schedule_type", "legacy")
    if kind not in SCHEDULE_TYPES:
        raise ConfigError(f"params.config.schedule_type: must be legacy or standard, got {kind!r}.")
    if schedule != "adaptive":
        return
    threshold = number(config.get("kl_threshold"))
    if threshold is None or threshold <= 0:
        raise ConfigError(
            "params.config.kl_threshold: lr_schedule adaptive needs a target above 0 (in nats), "
            f"got {config.get('kl_threshold')!r}; or use lr_schedule: linear or constant."
        )
    if bounds is not None:
        check_rate(rate, *bounds)


def check_rate(rate: float, low: float, high: float | None) -> None:
    """The starting rate lies within the adaptive schedule's bounds; no ``high`` means the start."""
    top = rate if high is None else high
    if not low <= rate <= top:
        raise ConfigError(
            f"params.config.learning_rate: {rate:g} must lie in [params.algo.min_lr, "
            f"params.algo.max_lr] = [{low:g}, {top:g}]."
        )


def check_bounds(config: Mapping[str, Any]) -> None:
    """``bound_loss_type``, where a bounds loss is asked for."""
    kind = config.get("bound_loss_type", "bound")
    if config.get("bounds_loss_coef") and kind not in ("bound", "regularisation"):
        raise ConfigError(
            f"params.config.bound_loss_type: must be bound or regularisation, got {kind!r}."
        )


def block_at(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A block that every rl_games YAML has."""
    block = params.get(name)
    if not isinstance(block, Mapping):
        raise ConfigError(f"params.{name}: missing, or not a block of keys.")
    return block
