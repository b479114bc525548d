"""What we add to Isaac Lab's own way from ``--task`` and ``--agent`` to settings.

Isaac Lab reads a configuration by ``load_cfg_from_registry``, in 3.0 as part of
``resolve_task_config``, before its simulator starts. Both stay its own: the first also knows our
configurations of tasks that were registered a moment ago, and says what it would take where a key
of rl_games' is missing; after the second, settings of a policy of ours are checked.
"""

import functools
import sys
from collections.abc import Mapping
from pkgutil import resolve_name as load
from typing import Any

from rlg_genpo.common.schema import nearest
from rlg_genpo.errors import CheckpointError, ConfigError
from rlg_genpo.isaaclab import specs
from rlg_genpo.isaaclab.command import RL_GAMES, of_process
from rlg_genpo.isaaclab.tasks import BASELINE_KEY, agent_key

#: of Isaac Lab 3.0's unified command line, which takes ``--rl_library``
DISPATCH = "isaaclab_rl.entrypoints.dispatch"

#: attribute of a function of Isaac Lab's that we have added to
WATCHED = "is_watched_by_rlg_genpo"

WAY_OUT = (
    "`rlg-genpo doctor` lists tasks with their policies. A task whose gymnasium.register() names a "
    f"Gaussian's YAML as {BASELINE_KEY} has {agent_key('genpo')} and {agent_key('cppo')} by itself "
    "(docs/isaaclab.md)."
)


def watch_configs() -> None:
    """Add what the module says to ``load_cfg_from_registry``."""
    module: Any = sys.modules["isaaclab_tasks.utils.parse_cfg"]
    real = module.load_cfg_from_registry
    if hasattr(real, WATCHED):
        return

    @functools.wraps(real)
    def load_cfg_from_registry(task_name: str, entry_point_key: str) -> Any:
        if entry_point_key.startswith(RL_GAMES):
            _offer(task_name.split(":")[-1], entry_point_key)
        return real(task_name, entry_point_key)

    setattr(load_cfg_from_registry, WATCHED, True)
    module.load_cfg_from_registry = load_cfg_from_registry


def _offer(task: str, key: str) -> None:
    """Add our keys to a task's spec.

    Raises:
        ConfigError: it still has no such key; names the nearest.
    """
    spec = sys.modules["gymnasium"].registry.get(task)
    if spec is None:
        return
    specs.add(spec)
    if key in spec.kwargs or key == BASELINE_KEY:
        return
    known = [name for name in spec.kwargs if name.startswith(RL_GAMES)]
    listed = f" It has {', '.join(known)}." if known else ""
    near = nearest(key, known)
    raise ConfigError(f"--agent {key}: {task} has no such configuration{near}{listed} {WAY_OUT}")


def watch_settings() -> None:
    """Add what the module says to ``resolve_task_config``; before 3.0 there is none."""
    module: Any = sys.modules["isaaclab_tasks.utils.hydra"]
    real = getattr(module, "resolve_task_config", None)
    if real is None or hasattr(real, WATCHED):
        return

    @functools.wraps(real)
    def resolve_task_config(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        try:
            env, agent = real(*args, **kwargs)
            if isinstance(agent, Mapping) and isinstance(agent.get("params"), Mapping):
                _check(env, agent["params"])
        except (ConfigError, CheckpointError) as error:
            # Without a traceback: it is the user's words or file that are wrong.
            raise SystemExit(f"error: {error}") from None
        return env, agent

    setattr(resolve_task_config, WATCHED, True)
    module.resolve_task_config = resolve_task_config


def _check(env: Any, params: Mapping[str, Any]) -> None:
    """Check settings of ours with the number of environments and the checkpoint asked for."""
    command = of_process()
    envs = command.envs or getattr(getattr(env, "scene", None), "num_envs", None)
    check = load("rlg_genpo.cli.validation:check_hosted")
    check(params, envs if command.trains else None, command.checkpoint)


def refuse_forgotten_library() -> None:
    """Say that ``--rl_library`` is missing, before another library takes our ``--agent`` for its.

    Raises:
        SystemExit: the unified command line would take the task's default, which is another.
    """
    command = of_process()
    if DISPATCH not in sys.modules or command.rl_library or command.task is None:
        return
    if command.agent is None or not command.agent.startswith(RL_GAMES):
        return
    spec = sys.modules["gymnasium"].registry.get(command.task.split(":")[-1])
    default = None if spec is None else spec.kwargs.get("default_agent")
    if spec is not None and default != RL_GAMES:
        raise SystemExit(
            f"error: --agent {command.agent} is a configuration of rl_games, and Isaac Lab trains "
            f"{command.task} by {default} unless told otherwise: add --rl_library {RL_GAMES}."
        )
