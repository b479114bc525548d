"""Isaac Lab's tasks, which only its own scripts can make: ``params.config.env_name: rlgpu``.

The name is the one under which those scripts make their environment known to rl_games.
"""

from collections.abc import Mapping
from typing import Any

from rlg_genpo.envs.simulator import Simulator
from rlg_genpo.errors import ConfigError
from rlg_genpo.isaaclab.tasks import task_and_key


class IsaacLab(Simulator):
    """The task is no key of the file: the scripts take it on their command line."""

    host = "Isaac Lab"

    def task(self, config: Mapping[str, Any]) -> str:
        shipped = task_and_key(str(config.get("name")))
        return super().task(config) if shipped is None else shipped[0]

    def words(self, config: Mapping[str, Any]) -> str:
        """What Isaac Lab's train.py and play.py take to find a configuration."""
        shipped = task_and_key(str(config.get("name")))
        if shipped is None:
            return "the --task and --agent under which you register this file"
        return f"--task {shipped[0]} --agent {shipped[1]}"

    def check(self, config: Mapping[str, Any]) -> None:
        raise ConfigError(
            f"params.config.env_name: {self.name} is made by Isaac Lab's own scripts only; use its "
            f"train.py or play.py with {self.words(config)} (see docs/isaaclab.md)."
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
