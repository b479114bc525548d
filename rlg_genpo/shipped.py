"""Where the shipped configurations lie: inside the package in a wheel, beside it in a checkout.

Standard library only. The folder is also the package ``rlg_genpo.task_configs``, which is not
imported here: its ``isaaclab`` registers the agents when it is.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSIDE = _PACKAGE / "task_configs"

FOLDER = _INSIDE if _INSIDE.is_dir() else _PACKAGE.parent / "task_configs"
#: those of Isaac Lab's tasks
ISAAC_LAB = FOLDER / "isaaclab"
