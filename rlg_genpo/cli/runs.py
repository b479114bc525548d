"""The run folder: what a run was, how far it came, and its checkpoints."""

import contextlib
import csv
import fcntl
import json
import math
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlg_genpo.cli import configs
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import files

COLUMNS: tuple[str, ...] = ("epoch", "frame", "wall_seconds", "cpu_seconds", "mean_return", "fps")


class Run:
    """A run folder, existing or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        #: the name without its seed: runs that differ in nothing else share it
        self.group = re.sub(r"_seed\d+$", "", self.name)
        self.config = folder / "config.yaml"
        self.facts = folder / "run.json"
        self.progress = folder / "progress.csv"
        self.log = folder / "train.log"
        self.last = folder / "nn" / "last.pth"

    def best(self) -> Path:
        """rl_games' checkpoint of the best mean return."""
        return self.folder / "nn" / f"{configs.load(self.config)['config']['name']}.pth"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from training in this folder; freed when the process ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"{self.folder}: another process is training here.") from None
            yield


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file and the run that it belongs to."""

    path: Path
    run: Run

    def load(self) -> dict[str, Any]:
        """rl_games' state, on the CPU."""
        state = files.read(self.path)
        kinds = {"model": dict, "epoch": int, "frame": int}
        if not all(isinstance(state.get(key), kind) for key, kind in kinds.items()):
            raise ConfigError(f"{self.path}: not a training checkpoint of rl_games.")
        return state

    def params(self, given: str | None) -> configs.Params:
        """The configuration that it was trained with: ``given``, or else its run folder's own."""
        if given is not None:
            return configs.load(configs.find(given))
        if not self.run.config.is_file():
            raise ConfigError(
                f"{self.path}: no config.yaml in {self.run.folder}; give its CONFIG (--config FILE "
                "of play, eval and export)."
            )
        return configs.load(self.run.config)

    @contextlib.contextmanager
    def readable(self) -> Iterator[Path]:
        """The checkpoint as a file that rl_games can load here: without CUDA, a copy on the CPU.

        rl_games loads tensors to the device they were saved from.
        """
        if torch.cuda.is_available():
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / self.path.name
            torch.save(self.load(), copy)
            yield copy


def elsewhere(folder: Path) -> str:
    """The end of a sentence about a folder that is no run of this command line."""
    if not (folder / "nn").is_dir():
        return "."
    who = "rl_games or Isaac Lab wrote it"
    return f"; {who}: their play.py --checkpoint plays it, TensorBoard shows its curves."


def locate(word: str, which: str = "last") -> Checkpoint:
    """A run folder's ``last`` or ``best`` checkpoint, or a checkpoint by its own path."""
    path = Path(word)
    if path.is_file():
        inside = path.parent.name == "nn"
        return Checkpoint(path, Run(path.absolute().parents[1] if inside else path.parent))
    if not path.is_dir():
        raise ConfigError(f"{word}: no such run folder or checkpoint.")
    run = Run(path)
    if not run.config.is_file():
        raise ConfigError(f"{word}: not a run folder (it has no config.yaml){elsewhere(path)}")
    checkpoint = run.last if which == "last" else run.best()
    if checkpoint.is_file():
        return Checkpoint(checkpoint, run)
    there = ", ".join(str(p.relative_to(path)) for p in sorted(path.glob("nn/*.pth"))) or "none"
    since = " rl_games writes it from epoch params.config.save_best_after (100) on."
    why = since if which == "best" else ""
    raise ConfigError(
        f"{word}: has no {checkpoint.relative_to(path)}. Checkpoints there: {there}.{why}"
    )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write in place of ``path``: no reader and no crash ever sees half of it."""
    temporary = path.with_name(f".{path.name}.tmp")
    yield temporary
    temporary.replace(path)


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_text(text)


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_progress(run: Run, last: float = math.inf) -> list[dict[str, str]]:
    """Rows of ``progress.csv`` as they stand there, up to the epoch ``last``.

    A run that was killed has rows of epochs after its checkpoint, and perhaps half a last row. A
    row has no return where no episode had ended.
    """
    if not run.progress.is_file():
        return []
    with run.progress.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return [row for row in rows if int(row["epoch"]) <= last]


def write_progress(run: Run, rows: list[dict[str, str]]) -> None:
    lines = [COLUMNS, *([row[key] for key in COLUMNS] for row in rows)]
    write_text(run.progress, "".join(f"{','.join(line)}\n" for line in lines))


def append_progress(run: Run, row: dict[str, Any]) -> None:
    with run.progress.open("a", newline="") as file:
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
