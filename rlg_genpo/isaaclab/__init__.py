"""The doors into Isaac Lab: our configurations on its tasks, and a launcher for its scripts.

Isaac Lab 3.0 imports the entry points of the group ``isaaclab.tasks`` before anything else, among
them :mod:`rlg_genpo.isaaclab.door`. In every version its rl_games wrapper imports the old ``gym``,
which loads those of ``gym.envs``; ours there is :func:`open_door`. Both add our configurations to
Isaac Lab's tasks, waiting for ``isaaclab_tasks`` where that is imported later. rl_games may be half
imported at that moment and Isaac Lab absent: this package needs the standard library only, and does
nothing where there are no such tasks.

    python -m rlg_genpo.isaaclab path/to/train.py ARGS

runs an unmodified script of Isaac Lab with the same door open, where entry points are not.
"""

import logging
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rlg_genpo.host.import_hook import when_imported
from rlg_genpo.isaaclab import command, loading, specs

logger = logging.getLogger(__name__)

#: the package whose import registers Isaac Lab's tasks with gymnasium
TASKS_PACKAGE = "isaaclab_tasks"


def open_door() -> None:
    """Add our agent configurations to Isaac Lab's tasks, now or when they are registered."""
    command.of_process()
    when_imported(f"{TASKS_PACKAGE}.utils.parse_cfg", _or_warn(loading.watch_configs))
    when_imported(f"{TASKS_PACKAGE}.utils.hydra", _or_warn(loading.watch_settings))
    when_imported(TASKS_PACKAGE, _or_warn(_add))


def _add() -> None:
    added = specs.add_to_all()
    loading.refuse_forgotten_library()
    logger.info("rlg_genpo: configurations on %d of Isaac Lab's tasks", len(added))


def _or_warn(action: Callable[[], None]) -> Callable[[], None]:
    """For the end of somebody else's import, which must not fail for our sake."""

    def act() -> None:
        try:
            action()
        except Exception as error:
            logger.warning("rlg_genpo's configurations are not on Isaac Lab's tasks: %s", error)

    return act


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
            "play.py (in scripts/reinforcement_learning, up to 2.3 in its rl_games), then its "
            "arguments.\n"
        )
        return 2
    sys.argv = arguments
    open_door()
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")
    return 0
