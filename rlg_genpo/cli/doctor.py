"""``rlg-genpo doctor``: what is installed, which doors are open, and what to do about the rest."""

import importlib
import platform
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

import rlg_genpo
from rlg_genpo import isaaclab
from rlg_genpo.algorithm import algorithms
from rlg_genpo.isaaclab import tasks as isaaclab_tasks
from rlg_genpo.version import __version__

#: versions of rl_games that the test-suite has run on
TESTED = ("1.6.1", "1.6.5", "2.0")
DOOR = "rlg_genpo.isaaclab:open_door"
WITHOUT_ISAACLAB = "not installed; `rlg-genpo list` shows what runs without it"
LAUNCHER = "python -m rlg_genpo.isaaclab path/to/train.py ARGS"


@dataclass(frozen=True)
class Fact:
    """One line of the report."""

    topic: str
    found: str
    #: the way out, where something is wrong
    mend: str | None = None

    def __str__(self) -> str:
        line = f"  {self.topic:22} {self.found}"
        return line if self.mend is None else f"{line}\n{'':25}-> {self.mend}"


def report(task: str | None = None) -> tuple[list[str], bool]:
    """The report's lines, with the configurations of a task or of all; whether all is well."""
    has_isaaclab = version_of("isaaclab") is not None or find_spec("isaaclab_tasks") is not None
    sections = {
        f"rlg_genpo {__version__} on Python {platform.python_version()}": [
            torch_fact(),
            rl_games_fact(),
            plain("gymnasium"),
            gym_fact(has_isaaclab),
            Fact("isaaclab", version_of("isaaclab") or WITHOUT_ISAACLAB),
        ],
        "doors": [pip_door(has_isaaclab), registration(), tasks(has_isaaclab)],
    }
    if task is None:
        sections["tasks with our configurations"] = shipped()
    elif found := isaaclab_tasks.entry_points(task):
        sections["task"] = [Fact(task, ", ".join(f"--agent {key}" for key in found))]
    else:
        sections["task"] = [Fact(task, "no configuration of ours", isaaclab.WAY_OUT)]
    lines = [line for title, facts in sections.items() for line in (title, *map(str, facts), "")]
    wrong = sum(fact.mend is not None for facts in sections.values() for fact in facts)
    return [*lines, f"{wrong} to mend, marked ->." if wrong else "All is well."], not wrong


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def plain(package: str) -> Fact:
    found = version_of(package)
    return Fact(package, found) if found else Fact(package, "missing", f"pip install {package}")


def torch_fact() -> Fact:
    fact = plain("torch")
    if fact.mend is not None:
        return fact
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    return Fact("torch", f"{fact.found}, {device}")


def rl_games_fact() -> Fact:
    found = version_of("rl-games")
    if found is None and find_spec("rl_games") is None:
        return Fact("rl_games", "missing", "pip install rl-games")
    if found is None:
        return Fact("rl_games", "of unknown version (not installed by pip)")
    known = f"{found}.".startswith(tuple(f"{version}." for version in TESTED))
    return Fact("rl_games", found if known else f"{found}, untested (tested: {', '.join(TESTED)})")


def gym_fact(has_isaaclab: bool) -> Fact:
    found = version_of("gym")
    if found is None and has_isaaclab:
        return Fact("gym", "missing", "pip install gym; Isaac Lab's rl_games wrapper imports it")
    return Fact("gym", found or "not installed; only Isaac Lab's rl_games wrapper needs it")


def pip_door(has_isaaclab: bool) -> Fact:
    """Whether the old gym would find and load our entry point."""
    topic = "pip install alone"
    if all(point.value != DOOR for point in metadata.entry_points(group="gym.envs")):
        return Fact(
            topic,
            "shut: no entry point gym.envs of ours is installed",
            f"install this package by pip again, or {LAUNCHER}",
        )
    return Fact(topic, "open" if has_isaaclab else "open, and idle without Isaac Lab")


def registration() -> Fact:
    """Whether rl_games takes our names."""
    topic = "rl_games' tables"
    try:
        rlg_genpo.register()
    except Exception as error:
        return Fact(topic, f"not registered ({type(error).__name__})", str(error))
    return Fact(topic, f"registered: {', '.join(algorithms())}")


def tasks(has_isaaclab: bool) -> Fact:
    """How many tasks have our keys, where they can be imported without the simulator."""
    topic = "Isaac Lab's tasks"
    if not has_isaaclab:
        return Fact(topic, "not there")
    try:
        importlib.import_module(isaaclab.TASKS_PACKAGE)
    except Exception as error:
        return Fact(topic, f"known once the simulator runs (now: {type(error).__name__}: {error})")
    return Fact(topic, f"our configurations on {len(isaaclab.add_entry_points())} of them")


def shipped() -> list[Fact]:
    """Every task by Isaac Lab 2's name, with its policies."""
    policies = isaaclab_tasks.policies()
    found = {f"{ids[0]}-v0": policies[stem] for stem, ids in isaaclab_tasks.TASKS.items()}
    width = max(map(len, found))
    return [Fact(task.ljust(width), ", ".join(names)) for task, names in found.items()]
