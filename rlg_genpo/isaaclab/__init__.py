"""The doors into Isaac Lab: our configurations on its tasks, and a launcher for its scripts.

Isaac Lab's rl_games wrapper imports the old ``gym``, which loads every entry point of the group
``gym.envs``; ours is :func:`open_door`. It adds the names of our YAML files to the specs of Isaac
Lab's tasks in gymnasium's registry, waiting for ``isaaclab_tasks`` where that is imported later (in
2.x), and touches nothing else. rl_games may be half imported at that moment and Isaac Lab absent:
this module needs the standard library only, and does nothing where there are no such tasks.

    python -m rlg_genpo.isaaclab path/to/train.py ARGS

runs an unmodified script of Isaac Lab with the same door open, where entry points are not.
"""

import logging
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from rlg_genpo.host.import_hook import when_imported
from rlg_genpo.isaaclab.tasks import PAPER, agent_key, entry_points

logger = logging.getLogger(__name__)

#: the package whose import registers Isaac Lab's tasks with gymnasium
TASKS_PACKAGE = "isaaclab_tasks"
#: said after Isaac Lab's own error where a task has none of our configurations
WAY_OUT = (
    "rlg_genpo ships no such configuration for this task; `rlg-genpo doctor` lists the tasks with "
    "their policies. For another, turn its own rl_games YAML into ours with `rlg-genpo swap FILE` "
    f"and name the result as {agent_key('genpo')} in its gymnasium.register() (docs/isaaclab.md)."
)


def open_door() -> None:
    """Add our agent configurations to Isaac Lab's tasks, now or when they are registered."""
    when_imported(TASKS_PACKAGE, _add_or_warn)


def _add_or_warn() -> None:
    # Runs at the end of somebody else's import, which must not fail for our sake.
    try:
        added = add_entry_points()
        _explain_missing_keys()
        logger.info("rlg_genpo: configurations on %d of Isaac Lab's tasks", len(added))
    except Exception as error:
        logger.warning("rlg_genpo's configurations are not on Isaac Lab's tasks: %s", error)


def _explain_missing_keys() -> None:
    """Have the way out stand below an error of Isaac Lab's that names one of our keys."""
    previous = sys.excepthook
    if hasattr(previous, "explains_rlg_genpo"):
        return

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
        from rlg_genpo.algorithm import algorithms

        previous(kind, error, trace)
        names = [name for policy in algorithms() for name in (policy, f"{policy}_{PAPER}")]
        if any(agent_key(name) in str(error) for name in names):
            sys.stderr.write(f"{WAY_OUT}\n")

    report.explains_rlg_genpo = True  # type: ignore[attr-defined]
    sys.excepthook = report


def add_entry_points() -> dict[str, dict[str, str]]:
    """Put our YAML files under their keys into gymnasium's specs; a key that stands is left alone.

    Returns what each of our tasks has now of ours, by task id.
    """
    import gymnasium

    ours = {}
    for task, spec in list(gymnasium.registry.items()):
        for key, file in entry_points(task).items():
            if spec.kwargs.setdefault(key, file) == file:
                ours.setdefault(task, {})[key] = file
    return ours


def main(argv: Sequence[str] | None = None) -> int:
    """Run a script as ``python SCRIPT ARGS`` does, with the door open; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    script = arguments[0] if arguments else ""
    if script in ("", "-h", "--help"):
        sys.stderr.write("usage: python -m rlg_genpo.isaaclab path/to/train.py ARGS\n")
        return 0 if script else 2
    if not Path(script).is_file():
        sys.stderr.write(
            f"error: {script}: no such script; first comes the path of Isaac Lab's train.py or "
            "play.py (in scripts/reinforcement_learning/rl_games), then its arguments.\n"
        )
        return 2
    open_door()
    sys.argv = arguments
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")
    return 0
