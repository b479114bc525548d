"""Stand-in for Isaac Lab's core package, which needs Isaac Sim to be imported.

Only what cannot run without Omniverse stands here: the application launcher and the environment
classes. Everything else is the real code of the ``isaaclab`` wheel, 2.3.2: the packages
``isaaclab_rl`` (rl_games wrapper, PBT observer) and ``isaaclab_tasks`` (the registered tasks, their
YAML files, the Hydra resolver), and of this package the submodules that are pure Python, reached
through ``__path__``.
"""

import sys
from importlib.metadata import files

_found = [file for file in files("isaaclab") or () if file.as_posix().endswith("utils/marl.py")]
#: the wheel's folder ``source``
SOURCE = _found[0].locate().resolve().parents[4]

__path__.append(str(SOURCE / "isaaclab" / "isaaclab"))
# As Isaac Sim's extension manager does when it loads them.
sys.path[:0] = [str(SOURCE / "isaaclab_rl"), str(SOURCE / "isaaclab_tasks")]
