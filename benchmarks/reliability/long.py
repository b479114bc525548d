"""A run of thousands of epochs: all stays finite, memory flat, and the inverse as exact as before.

And the same seed twice: the same weights, to the bit.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from reliability.kills import POLICIES, SMALL
from reliability.outcome import Outcome

EPOCHS, QUICK_EPOCHS = 5_000, 40
#: share of the epochs after which memory must be flat, and how flat
WARM, FLAT = 0.2, 0.01
#: largest error of GenPO's inverse, in units of the noise
INVERSE = 1e-3
LOOK_EVERY = 0.5  # seconds


def measure(quick: bool, seed: int, folder: Path) -> list[Outcome]:
    """The long run is GenPO's; the twins are of each policy."""
    twins = Outcome("the same seed twice")
    for name in POLICIES:
        ends = [train(name, folder / f"{name}_{run}", QUICK_EPOCHS, seed)[0] for run in "ab"]
        twins.count([] if same(*ends) else [f"{name}: two runs of seed {seed} end apart"])
    return [long_run("genpo", QUICK_EPOCHS if quick else EPOCHS, seed, folder), twins]


def long_run(name: str, epochs: int, seed: int, folder: Path) -> Outcome:
    outcome = Outcome(f"{epochs} epochs, {name}")
    state, memory = train(name, folder / "long", epochs, seed)
    failures = []
    if state["epoch"] != epochs:
        failures.append(f"ended in epoch {state['epoch']}")
    (events,) = (folder / "long").glob("summaries")
    scalars = EventAccumulator(str(events), {"scalars": 0}).Reload()
    for tag in scalars.Tags()["scalars"]:
        if not all(abs(event.value) < float("inf") for event in scalars.Scalars(tag)):
            failures.append(f"{tag} was not finite")
    worst = max(event.value for event in scalars.Scalars(f"{name}/inverse_error"))
    if worst > INVERSE:
        failures.append(f"the inverse's error reached {worst:.1e}")
    later = memory[int(WARM * len(memory)) :]
    growth = later[-1] / later[0] - 1 if later else 0.0
    if epochs == EPOCHS and growth > FLAT:
        failures.append(f"memory grew by {growth:.1%}")
    outcome.count([f"{name}: {what}" for what in failures])
    outcome.note = f"inverse error at most {worst:.0e}, memory {growth:+.1%} over the last 80%"
    return outcome


def train(name: str, folder: Path, epochs: int, seed: int) -> tuple[dict, list[float]]:
    """Train to the end; the last checkpoint, and the process's memory in MB over time."""
    words = [POLICIES[name], *SMALL, f"config.max_epochs={epochs}", f"--seed={seed}"]
    words += [f"--runs={folder.parent}", f"--name={folder.name}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rlg_genpo.cli", "train", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    memory = []
    while process.poll() is None:
        memory.append(resident(process.pid))
        time.sleep(LOOK_EVERY)
    state = torch.load(folder / "nn" / "last.pth", weights_only=False)
    return state, [size for size in memory if size]


def resident(pid: int) -> float:
    """Memory of a process in MB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS")), 0.0)


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(value, other["model"][key]) for key, value in one["model"].items())
