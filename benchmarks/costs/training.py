"""(e) End to end: ``rlg-genpo train`` of shipped configs, each run in a process of its own."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

from costs import tables, timing
from costs.plan import Plan, Row, find, unique

TITLE = "Training, end to end"
ROUNDS = 3
FILE = Path(__file__).with_suffix(".yaml")
WALL, CPU, MEMORY = "wall", "processor time", "peak memory"

#: on a GPU, instead of a task's own
CUDA = ("config.num_actors=4096", "config.horizon_length=16", "config.minibatch_size=32768")
CUDA_FRAMES = 12 * 4096 * 16

TEXT = """`rlg-genpo train` on real simulators, one thread a run, one run at a time; the epochs
after the first. Rollouts, minibatches and mini-epochs of a task's contestants are equal, and so not
always as shipped: CPPO's configs have shorter ones, to which a group of their own belongs. Ratios
are to each group's first line."""


@dataclass(frozen=True)
class Contestant:
    """A shipped config with its overrides."""

    config: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """Contestants at equal settings; the first is the base of the ratios."""

    name: str
    frames: int
    common: tuple[str, ...]
    contestants: dict[str, Contestant]


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    wall: float  # seconds per million frames
    cpu: float  # processor seconds per million frames
    memory: float  # MB, the process's peak


def tasks(plan: Plan) -> list[Task]:
    """What ``training.yaml`` says, fitted to the plan's device."""
    found = []
    for name, raw in yaml.safe_load(FILE.read_text()).items():
        contestants = {
            who: Contestant(
                f"{raw.get('task', name)}_{one['config']}", tuple(one.get("overrides", ()))
            )
            for who, one in raw["contestants"].items()
        }
        common, frames = tuple(raw.get("common", ())), int(raw["frames"])
        if plan.device == "cuda":
            if name.startswith("vmas") or "task" in raw:
                continue  # small on purpose, or another's rollouts
            common, frames = later_wins(common + CUDA), CUDA_FRAMES
        found.append(Task(name, frames, common, contestants))
    if plan.quick:
        small = ("config.num_actors=4", "config.horizon_length=16", "config.minibatch_size=64")
        first = found[0]
        found = [Task(first.name, 200, later_wins(first.common + small), first.contestants)]
    return found


def later_wins(overrides: tuple[str, ...]) -> tuple[str, ...]:
    """One override a key."""
    return tuple({text.split("=", 1)[0]: text for text in overrides}.values())


def measurements(plan: Plan) -> int:
    return plan.repeats(ROUNDS) * sum(len(task.contestants) for task in tasks(plan))


def measure(plan: Plan) -> list[Row]:
    """Values are seconds (wall, processor) per million frames, and MB."""
    rows: list[Row] = []
    rounds = plan.repeats(ROUNDS)
    for task in tasks(plan):
        costs: dict[str, list[Cost]] = {who: [] for who in task.contestants}
        if task.common:
            said = ", ".join(f"`{each}`" for each in task.common)
            plan.note(f"Training, {task.name}, all contestants: {said}.")
        for who, contestant in task.contestants.items():
            if contestant.overrides:
                said = ", ".join(f"`{each}`" for each in contestant.overrides)
                plan.note(f"Training, {task.name}, {who}: {contestant.config} with {said}.")
        for number in range(1, rounds + 1):
            for who, contestant in task.contestants.items():
                plan.progress.step(f"{task.name}: {who}, round {number} of {rounds}")
                costs[who].append(train(contestant, task, plan))
        rows += rows_of(task.name, costs)
    return rows


def train(contestant: Contestant, task: Task, plan: Plan) -> Cost:
    """One run, read from what it leaves."""
    folder = plan.folder / contestant.config
    shutil.rmtree(folder, ignore_errors=True)
    program = str(Path(sys.executable).parent / "rlg-genpo")
    command = [program, "train", contestant.config, "--seed", "1", "--frames", str(task.frames)]
    command += ["--runs", str(folder.parent), "--name", folder.name, "--device", plan.device]
    command += [*task.common, *contestant.overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}\n{done.stderr}")
    return read(folder)


def read(folder: Path) -> Cost:
    """The epochs after the first."""
    with open(folder / "progress.csv") as file:
        lines = list(csv.DictReader(file))
    first, last = lines[0], lines[-1]
    millions = (int(last["frame"]) - int(first["frame"])) / 1e6
    return Cost(
        (float(last["wall_seconds"]) - float(first["wall_seconds"])) / millions,
        (float(last["cpu_seconds"]) - float(first["cpu_seconds"])) / millions,
        json.loads((folder / "run.json").read_text())["peak_memory_mb"],
    )


def rows_of(task: str, costs: dict[str, list[Cost]]) -> list[Row]:
    """Medians, and medians of each round's ratio to the first contestant."""
    base = next(iter(costs.values()))
    rows = []
    for who, runs in costs.items():
        for what, key in ((WALL, "wall"), (CPU, "cpu"), (MEMORY, "memory")):
            values = [getattr(run, key) for run in runs]
            others = [getattr(run, key) for run in base]
            rows.append(Row(task, what, who, median(values), timing.median_ratio(values, others)))
    return rows


def table(rows: list[Row]) -> str:
    heads = ["task", "policy", "frames/s", "wall, ratio", "processor time, ratio", "peak MB"]
    lines = []
    for group in unique([row.group for row in rows]):
        for who in unique([row.who for row in rows if row.group == group]):
            wall, cpu, memory = (find(rows, group, what, who) for what in (WALL, CPU, MEMORY))
            assert wall is not None and cpu is not None and memory is not None
            speed = f"{1e6 / wall.value:,.0f}"
            ratios = [tables.times(wall.ratio), tables.times(cpu.ratio)]
            lines.append([group, who, speed, *ratios, f"{memory.value:.0f}"])
    return tables.markdown(heads, lines)
