"""SIGKILL at random moments, during saves too; then the run goes on to the end that it had before.

A run saves after every epoch here, so that a kill often falls among its writes. Half of the kills
wait for a save: the moment between a file's writing and its taking its place, which is made longer.
"""

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from reliability.outcome import Outcome

POLICIES = {"genpo": "multigoal_genpo", "cppo": "multigoal_cppo", "ddpl": "game_ddpl"}
SMALL = (
    "config.num_actors=8",
    "config.horizon_length=8",
    "config.minibatch_size=32",
    "config.mini_epochs=1",
    "config.normalize_input=True",
    "config.save_best_after=1",
    "config.save_frequency=3",
)
EPOCHS, QUICK_EPOCHS = 40, 8
KILLS, QUICK_KILLS = 20, 1
#: what every process of a run finds imported
PRELOADED = ["rlg_genpo.cli.training", *(f"rlg_genpo.{name}.agent" for name in POLICIES)]
#: seconds that a file waits before it takes its place, where a kill waits for it
WRITING = 0.05
AT_MOST = 300.0


def measure(quick: bool, seed: int, folder: Path) -> list[Outcome]:
    """Kill runs of each policy."""
    generator = random.Random(seed)
    epochs, kills = (QUICK_EPOCHS, QUICK_KILLS) if quick else (EPOCHS, KILLS)
    return [kill_policy(name, epochs, kills, generator, folder / name) for name in POLICIES]


def kill_policy(
    name: str, epochs: int, kills: int, generator: random.Random, folder: Path
) -> Outcome:
    outcome = Outcome(f"SIGKILL, {name}")
    first = context().Process(target=os.getpid)
    first.start()  # the next ones start at once
    first.join()
    began = time.monotonic()
    assert finish(Trial(name, folder / "whole", epochs)) == 0, "an unhurt run failed"
    seconds = time.monotonic() - began
    expected = end_of(folder / "whole")
    amid = 0
    # One more where a single one is asked for: at a random moment, and amid a save.
    for number in range(max(2, kills)):
        trial = Trial(name, folder / f"killed_{number}", epochs)
        waits = number % 2 == 1
        moment = generator.uniform(0.0, seconds)
        while not kill(trial, moment, waits):  # it had ended before
            shutil.rmtree(trial.folder)
            moment *= 0.8
        amid += bool(list(trial.folder.rglob(".*.tmp")))
        failures = damage(trial.folder)
        code = finish(trial)
        if code != 0:
            failures.append(f"went on with exit code {code}")
        elif end_of(trial.folder) != expected:
            failures.append(f"ended at {end_of(trial.folder)}, not at {expected}")
        outcome.count([f"{trial.folder.name}, after {moment:.2f} s: {what}" for what in failures])
    outcome.note = f"{amid} of them amid a save"
    return outcome


class Trial:
    """A run of a policy, which may be killed and go on."""

    def __init__(self, name: str, folder: Path, epochs: int) -> None:
        self.folder = folder
        self.begin = [POLICIES[name], *SMALL, f"config.max_epochs={epochs}"]
        self.begin += ["--seed=1", f"--runs={folder.parent}", f"--name={folder.name}"]

    def start(self, slow: bool = False) -> Any:
        """Begin the run, or go on with it where a checkpoint is left."""
        left = list(self.folder.glob("nn/*.pth"))
        words = [f"--resume={self.folder}"] if left else self.begin
        process = context().Process(target=train, args=(["train", *words], slow))
        process.start()
        return process


def context() -> Any:
    """Makes processes that have imported all that takes long."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found


def train(words: list[str], slow: bool) -> None:
    """The process of a run: it saves after every epoch."""
    from rlg_genpo.cli import main, session

    session.SAVE_EVERY = 0.0
    if slow:
        sync = os.fsync
        os.fsync = lambda number: (time.sleep(WRITING), sync(number))[1]
    with open(os.devnull, "w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        code = main(words)
    os._exit(code)


def finish(trial: Trial) -> int | None:
    """Let a run come to its end; its exit code."""
    process = trial.start()
    process.join(AT_MOST)
    return process.exitcode


def kill(trial: Trial, moment: float, waits: bool) -> bool:
    """End a run ``moment`` seconds after its start, or in the next save; False if it had ended."""
    process = trial.start(slow=waits)
    until = time.monotonic() + moment
    while process.is_alive() and (time.monotonic() < until or (waits and not saving(trial.folder))):
        time.sleep(0.001)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def saving(folder: Path) -> bool:
    """Whether a checkpoint is being written."""
    with contextlib.suppress(FileNotFoundError):
        return any(entry.name.endswith(".tmp") for entry in os.scandir(folder / "nn"))
    return False


def damage(folder: Path) -> list[str]:
    """What a kill has left unreadable or untrue."""
    from rlg_genpo.cli.runs import Checkpoint, Run, facts_of, read_progress
    from rlg_genpo.common import finite

    run, found = Run(folder), []
    for path in folder.glob("nn/*.pth"):
        try:
            state = Checkpoint(path, run).load()
        except (RuntimeError, ValueError) as error:
            found.append(f"{path.name} cannot be read: {error}")
            continue
        if finite.not_finite(state["model"]):
            found.append(f"{path.name} is not finite")
    if run.facts.exists() and facts_of(run).get("status", "running") == "running":
        found.append("run.json says that it runs, or nothing")
    rows = [int(row["epoch"]) for row in read_progress(run)]
    if rows != list(range(1, len(rows) + 1)):
        found.append(f"progress.csv has the epochs {rows}")
    return found


def end_of(folder: Path) -> dict[str, Any]:
    """What a finished run came to: its frames, its epochs and how much its statistics are of."""
    from rlg_genpo.cli.runs import Checkpoint, Run, facts_of, read_progress

    run = Run(folder)
    state = Checkpoint(run.last, run).load()
    counts = {key: float(value) for key, value in state["model"].items() if key.endswith(".count")}
    return {
        "status": facts_of(run)["status"],
        "frames": state["frame"],
        "epochs": [int(row["epoch"]) for row in read_progress(run)],
        "counts": counts,
        "left over": [path.name for path in folder.rglob(".*.tmp")],
    }
