"""Isaac Lab's tasks, which only its own scripts can make: ``params.config.env_name: rlgpu``.

The name is the one under which those scripts make their environment known to rl_games.
"""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.envs.simulator import Simulator
from rlg_genpo.errors import ConfigError
from rlg_genpo.isaaclab.tasks import Shipped


class IsaacLab(Simulator):
    """The task is no key of the file: the scripts take it on their command line."""

    host = "Isaac Lab"

    def task(self, config: Mapping[str, Any]) -> str:
        shipped = Shipped.named(str(config.get("name")))
        return super().task(config) if shipped is None else shipped.task

    def command(self, config: Mapping[str, Any]) -> str:
        """What trains a configuration."""
        shipped = Shipped.named(str(config.get("name")))
        own = "Isaac Lab's train.py with the --task and --agent under which you register this file"
        return own if shipped is None else shipped.command

    def check(self, config: Mapping[str, Any]) -> None:
        raise ConfigError(
            f"params.config.env_name: {self.name} is made by Isaac Lab's own scripts only; use "
            f"{self.command(config)} (see docs/isaaclab.md)."
        )

    def check_file(self, params: Mapping[str, Any]) -> None:
        if not isinstance(params.get("env"), Mapping):
            raise ConfigError(
                "params.env: missing, or not a block of keys; Isaac Lab's scripts read "
                "clip_actions and clip_observations there."
            )
        for key in ("device", "max_epochs"):
            if key not in params["config"]:
                raise ConfigError(f"params.config.{key}: missing; Isaac Lab's scripts read it.")


SIMULATOR = IsaacLab("rlgpu")
