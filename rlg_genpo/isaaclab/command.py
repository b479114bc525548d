"""The words of an Isaac Lab command, as far as they matter before its simulator starts."""

import argparse
import functools
import sys
from dataclasses import dataclass, fields
from pathlib import Path

#: what every key of an rl_games configuration begins with
RL_GAMES = "rl_games"


@dataclass(frozen=True)
class Command:
    """What stands on the command line of ``train`` or ``play``; None where it does not."""

    task: str | None = None
    agent: str | None = None
    rl_library: str | None = None
    num_envs: str | None = None
    checkpoint: str | None = None
    #: whether it trains
    trains: bool = False

    @property
    def envs(self) -> int | None:
        """``--num_envs``; None where it is missing, or a word that Isaac Lab will refuse."""
        return int(self.num_envs) if self.num_envs and self.num_envs.isdigit() else None


@functools.cache
def of_process() -> Command:
    """The command of this process, also where it is another program's altogether.

    It is read when the door opens: later, Isaac Lab leaves only Hydra's words on ``sys.argv``.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in fields(Command):
        if option.name != "trains":
            parser.add_argument(f"--{option.name}", nargs="?")
    found, _ = parser.parse_known_args(sys.argv[1:])
    trains = any(Path(word).stem.startswith("train") for word in sys.argv[:2])
    return Command(**vars(found), trains=trains)
