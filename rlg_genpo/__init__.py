"""Generative policies for rl_games and Isaac Lab.

Importing this package registers them with rl_games: at once where rl_games is imported already,
else as soon as it is. The import itself needs the standard library only, so that it may stand
anywhere, also before a simulator starts and while ``import gym`` runs.
"""

import logging

from rlg_genpo.errors import CheckpointError, ConfigError, DivergedError, SimulatorError
from rlg_genpo.host.import_hook import when_imported
from rlg_genpo.version import __version__

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DivergedError",
    "SimulatorError",
    "__version__",
    "register",
]

logger = logging.getLogger(__name__)


def register() -> None:
    """Make every algorithm selectable in rl_games now. May be called again.

    Raises:
        ConfigError: another package owns one of our names; nothing is registered then.
    """
    from rlg_genpo import registration

    registration.register()


def _register_or_warn() -> None:
    # Nobody asked by name yet: a run of another policy must not fail for our sake.
    try:
        register()
    except Exception as error:
        logger.warning("rlg_genpo is not registered with rl_games: %s", error)


when_imported("rl_games.torch_runner", _register_or_warn)
