"""What a setting of ours must agree with in the rest of an rl_games YAML.

rl_games' own keys stay rl_games' business; what is read of them here is only that.
"""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.common.schema import nearest
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.keys import check_bounds, check_schedule

__all__ = ["block_at", "check_bounds", "check_names", "check_schedule", "refuse_misspelt"]

#: our blocks of ``params.network``, and the algorithms that they are of
HEADS = {
    "flow": ("genpo", "cppo"),
    "residual": ("cppo",),
    "agents": ("ddpl",),
    "diffusion": ("ddpl",),
    "action_value": ("ddpl",),
}


def refuse_misspelt(network: Mapping[str, Any], block: str, path: str) -> None:
    """A block of ours under a slip of its name, which rl_games would silently ignore."""
    for key in network:
        near = nearest(str(key).lower(), [block], cutoff=0.7)
        if key != block and near != ".":
            raise ConfigError(f"{path}.{key}: unknown key{near}")


def check_names(params: Mapping[str, Any], model: str, network: str) -> None:
    """The model's name is ours; a network of another name is taken for a user's own builder."""
    for block, owners in HEADS.items():
        if block in params:
            raise ConfigError(f"params.{block}: belongs under params.network.")
        if block in block_at(params, "network") and model not in owners:
            raise ConfigError(
                f"params.network.{block}: is a block of {' and '.join(owners)}, not of {model}; "
                f"remove it, or set algo, model and network to {owners[0]}'s names."
            )
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


def block_at(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A block that every rl_games YAML has."""
    block = params.get(name)
    if not isinstance(block, Mapping):
        raise ConfigError(f"params.{name}: missing, or not a block of keys.")
    return block
