"""Generative policies for rl_games and Isaac Lab: importing this package registers them."""

from rlg_genpo.errors import CheckpointError, ConfigError, DivergedError
from rlg_genpo.registration import ALGORITHMS, register
from rlg_genpo.version import __version__

__all__ = [
    "ALGORITHMS",
    "CheckpointError",
    "ConfigError",
    "DivergedError",
    "__version__",
    "register",
]

register()
