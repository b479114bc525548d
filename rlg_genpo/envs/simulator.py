"""What every simulator of ours does to stand in rl_games' tables, and on which device it runs."""

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv

from rlg_genpo.errors import ConfigError

logger = logging.getLogger(__name__)

#: where a simulator's own options stand
PATH = "params.config.env_config"


class Entry:
    """One simulator of ours, selectable as ``params.config.env_name``.

    Args:
        name: that name, also the one in rl_games' table of vectorised environments.
        make: a vector of environments from their number and ``env_config``.
        check: raises ConfigError where the environments of ``params.config`` cannot be made.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[int, Mapping[str, Any]], IVecEnv],
        check: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.name = name
        self._make = make
        self._check = check
        self._configuration = {"vecenv_type": name, "env_creator": self.make_one}

    def make(self, name: str, num_actors: int, **options: Any) -> IVecEnv:
        """For rl_games' table of vectorised environments."""
        return self._make(num_actors, options)

    def make_one(self, **options: Any) -> IVecEnv:
        """For rl_games' player, which makes its environment from ``env_config`` alone."""
        return self._make(1, options)

    def is_ours(self) -> bool:
        """Whether rl_games' name for these environments leads here."""
        return env_configurations.configurations.get(self.name) is self._configuration

    def register(self) -> None:
        """Enter the name into rl_games' tables. May be called again."""
        if self.name in env_configurations.configurations and not self.is_ours():
            # Another package's environment must not keep the rest of this one from being imported.
            logger.warning("env_name: another package has registered %r; ours is not.", self.name)
            return
        vecenv.register(self.name, self.make)
        env_configurations.register(self.name, self._configuration)

    def prepare(self, config: dict[str, Any]) -> None:
        """Check ``params.config``, and put its device into ``env_config`` where none is given.

        Does nothing to the configuration of another simulator, or of another package's adapter.

        Raises:
            ConfigError: as the simulator's ``check``.
        """
        if config.get("env_name") != self.name or not self.is_ours():
            return
        self._check(config)
        # Under multi_gpu rl_games gives every rank a device later, by LOCAL_RANK, as we do.
        if "device" in config and not config.get("multi_gpu"):
            config["env_config"] = {"device": config["device"], **(config.get("env_config") or {})}


def device_of(device: str | None) -> str:
    """``env_config.device``, or by default CUDA (of LOCAL_RANK) if torch sees one, else cpu.

    Raises:
        ConfigError: torch does not know it, or CUDA is asked for and not there.
    """
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(
            f"{PATH}.device: torch knows no device {device!r}; use cpu or cuda."
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"{PATH}.device: {device}, but torch sees no CUDA device; use cpu.")
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def resolved(device: Any) -> torch.device:
    """A device with its index: torch takes ``cuda`` for the current one."""
    device = torch.device(device)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def refuse_other_device(agent: Any, device: Any) -> None:
    """An agent and its environments share their tensors.

    Raises:
        ConfigError: rl_games' agent and the environments are on different devices.
    """
    if resolved(agent.ppo_device) != resolved(device):
        raise ConfigError(
            f"{PATH}.device: {device}, but params.config.device is {agent.ppo_device}; set both to "
            "the same."
        )


def refuse_critic(config: Mapping[str, Any], name: str) -> None:
    """A critic of its own needs states, which not every simulator has.

    Raises:
        ConfigError: ``params.config`` asks for one.
    """
    if config.get("central_value_config") is not None:
        raise ConfigError(
            f"params.config.central_value_config: needs states, but {name} has none beside its "
            "observations; remove the block."
        )
