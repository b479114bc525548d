"""Observation and action spaces that rl_games or a policy of ours would trip over."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from rlg_genpo.errors import ConfigError

PATH = "params.config.env_name"


def check(info: Mapping[str, Any], task: str = "the environment") -> None:
    """Refuse spaces that no network can be built on.

    Args:
        info: what rl_games knows of the environments, as ``get_env_info`` gives it.
        task: what the environments are called in the sentence.

    Raises:
        ConfigError: naming the space, and what is needed in its place.
    """
    action, observation = info["action_space"], info["observation_space"]
    if not is_box(action) or len(action.shape) != 1 or not action.shape[0]:
        raise ConfigError(
            f"{PATH}: {task} has the action space {action}; a continuous vector is needed, such as "
            "Box(-1.0, 1.0, (2,), float32). Wrap the environment."
        )
    parts = getattr(observation, "spaces", None)
    if not isinstance(parts, Mapping):
        refuse_part(observation, f"{task} has the observation space {observation}")
        return
    if not parts:
        raise ConfigError(
            f"{PATH}: {task} has the observation space {observation}, which is empty; give the "
            "policy something to see."
        )
    for name, part in parts.items():
        refuse_part(part, f"{task} has the observation {name!r} of the space {part}")
        if not isinstance(name, str) or "." in name or not name or hasattr(nn.ModuleDict, name):
            raise ConfigError(
                f"{PATH}: {task} has an observation called {name!r}, a name that torch keeps for "
                "itself or does not take; rename it."
            )


def is_box(space: Any) -> bool:
    """Whether it is one of gymnasium's or of the old gym's, which rl_games 1.6.1 takes alone."""
    return type(space).__name__ == "Box" and getattr(space, "shape", None) is not None


def refuse_part(space: Any, what: str) -> None:
    if not is_box(space) or 0 in space.shape:
        raise ConfigError(
            f"{PATH}: {what}; a Box of numbers is needed, or a dictionary of such, not nested. "
            "Wrap the environment."
        )
    if not space.shape:
        raise ConfigError(
            f"{PATH}: {what}, a single number without a dimension; make it a vector of shape (1,)."
        )
