"""The run folder: what a run was, how far it came, and its checkpoints."""

import contextlib
import csv
import fcntl
import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlg_genpo.cli import configs
from rlg_genpo.errors import CheckpointError, ConfigError
from rlg_genpo.host import disk, files

COLUMNS: tuple[str, ...] = ("epoch", "frame", "wall_seconds", "cpu_seconds", "mean_return", "fps")


class Run:
    """A run folder, existing or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name
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
            for folder in (self.folder, self.last.parent):
                disk.clean(folder)
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

    @contextlib.contextmanager
    def kept(self) -> Iterator["Checkpoint"]:
        """A copy of it, which stays what it is while training replaces the file."""
        with tempfile.TemporaryDirectory() as folder:
            self.load()  # what is wrong with it is said of its own path
            copy = Path(shutil.copy(self.path, folder))
            yield Checkpoint(copy, self.run)

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
    """A run folder's ``last`` or ``best`` checkpoint, or a checkpoint by its own path.

    However the path is written, from wherever, and through links: the same run is found.
    """
    path = Path(word)
    real = path.resolve()
    if real.is_file():
        return Checkpoint(real, Run(real.parents[1] if real.parent.name == "nn" else real.parent))
    if not real.is_dir():
        raise ConfigError(f"{word}: no such run folder or checkpoint.")
    if real.name == "nn" and (real.parent / "config.yaml").is_file():
        path = real = real.parent
    run = Run(real if path.name in ("", "..") else path)
    if not run.config.is_file():
        raise ConfigError(f"{word}: not a run folder (it has no config.yaml){elsewhere(path)}")
    checkpoint = Checkpoint(run.last if which == "last" else run.best(), run)
    if checkpoint.path.is_file():
        return checkpoint
    newest = newest_whole(run) if which == "last" else None
    if newest is not None:
        return newest
    there = ", ".join(str(p.relative_to(run.folder)) for p in sorted(run.folder.glob("nn/*.pth")))
    why = " rl_games writes it from epoch params.config.save_best_after (100) on."
    if which == "last":
        why = " None of them can be gone on from; begin anew with CONFIG, under another --name."
    name = checkpoint.path.relative_to(run.folder)
    raise ConfigError(f"{word}: has no {name}. Checkpoints there: {there or 'none'}.{why}")


def newest_whole(run: Run) -> Checkpoint | None:
    """The newest checkpoint of a run that died before its first ``nn/last.pth``.

    rl_games writes others: every ``save_frequency`` epochs, and the best. A kill may tear them.
    """
    for path in sorted(run.folder.glob("nn/*.pth"), key=lambda p: p.stat().st_mtime, reverse=True):
        checkpoint = Checkpoint(path, run)
        with contextlib.suppress(ConfigError, CheckpointError):
            checkpoint.load()
            return checkpoint
    return None


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, text.encode())


def json_of(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json_of(value))


def facts_of(run: Run) -> dict[str, Any]:
    """``run.json``; what a power loss or an editor left empty or torn is taken for none."""
    try:
        facts = json.loads(run.facts.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def read_progress(run: Run, last: float = math.inf) -> list[dict[str, str]]:
    """Rows of ``progress.csv`` as they stand there, up to the epoch ``last``.

    A run that was killed has rows of epochs after its checkpoint, and perhaps half a last row. A
    row has no return where no episode had ended.
    """
    if not run.progress.is_file():
        return []
    with run.progress.open(newline="", errors="replace") as file:
        table = csv.DictReader(line.replace("\0", "") for line in file)
        rows = [row for row in table if None not in row.values() and row.keys() == {*COLUMNS}]
    return [row for row in rows if row["epoch"].isdigit() and int(row["epoch"]) <= last]


def write_progress(run: Run, rows: list[dict[str, str]]) -> None:
    lines = [COLUMNS, *([row[key] for key in COLUMNS] for row in rows)]
    write_text(run.progress, "".join(f"{','.join(line)}\n" for line in lines))


def append_progress(run: Run, row: dict[str, Any]) -> None:
    with run.progress.open("a", newline="") as file:
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(row)
