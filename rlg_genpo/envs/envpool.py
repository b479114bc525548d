"""envpool's tasks, for which rl_games has an adapter: ``params.config.env_name: envpool``."""

import warnings
from collections.abc import Mapping
from typing import Any

from gymnasium import spaces

from rlg_genpo.common.schema import nearest, unknown
from rlg_genpo.envs.simulator import PATH, Simulator
from rlg_genpo.errors import ConfigError

#: keys of env_config that rl_games' adapter keeps for itself
ADAPTER_KEYS = ("env_name", "env_type", "has_lives", "use_dict_obs_space", "flatten_obs")


class EnvPool(Simulator):
    """envpool's task ids are ``env_config.env_name``; its options stand beside them."""

    thread_option = "num_threads"

    def spec(self, config: Mapping[str, Any]) -> Any:
        """envpool's description of a task, made without a simulator.

        Raises:
            ConfigError: envpool is not installed, or has no such task or option.
        """
        envpool = self.load()
        options = dict(config.get("env_config") or {})
        task = options.get("env_name")
        known = envpool.list_all_envs()
        if task not in known:
            raise ConfigError(
                f"{PATH}.env_name: envpool has no task {task!r}{nearest(str(task), known)} "
                "Use one of envpool.list_all_envs()."
            )
        fields = envpool.make_spec(task).config._fields
        for key in options:
            if key not in fields and key not in ADAPTER_KEYS:
                raise ConfigError(f"{PATH}.{key}: {unknown(key, fields, 'option')}")
        try:
            return envpool.make_spec(task, **{k: v for k, v in options.items() if k in fields})
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"{PATH}: envpool cannot make {task} of {options} ({error}); delete an option."
            ) from error

    def check(self, config: Mapping[str, Any]) -> None:
        self.spec(config)

    def spaces(self, config: Mapping[str, Any]) -> tuple[Any, Any]:
        spec = self.spec(config)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bounds lose precision in float32
            observation, action = spec.gymnasium_observation_space, spec.gymnasium_action_space
            if (config.get("env_config") or {}).get("flatten_obs"):
                observation = spaces.flatten_space(observation)
        return observation, action


SIMULATOR = EnvPool("envpool", "envpool", "rlg_genpo[envpool]")
