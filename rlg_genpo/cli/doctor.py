"""``rlg-genpo doctor``: what is installed, which doors are open, and what to do about the rest."""

import importlib
import platform
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

import rlg_genpo
from rlg_genpo import isaaclab
from rlg_genpo.algorithm import algorithms
from rlg_genpo.common.schema import nearest
from rlg_genpo.isaaclab import loading, specs
from rlg_genpo.isaaclab import tasks as isaaclab_tasks
from rlg_genpo.version import __version__

#: versions of rl_games that the test-suite has run on
TESTED = ("1.6.1", "1.6.5", "2.0")
#: our entry points by group; Isaac Lab before 3.0 does not look at the second
DOORS = {"gym.envs": "rlg_genpo.isaaclab:open_door", "isaaclab.tasks": "rlg_genpo.isaaclab.door"}
WITHOUT_ISAACLAB = "not installed; `rlg-genpo list` shows what runs without it"
MORE = "`rlg-genpo doctor` lists the tasks with our configurations"
#: what each generation of Isaac Lab runs on
PYTHONS = {2: "3.11", 3: "3.12"}
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
            isaaclab_fact(has_isaaclab),
        ],
        "doors": [pip_door(has_isaaclab), registration(), tasks(has_isaaclab)],
    }
    if task is None:
        sections["tasks with our configurations"] = shipped()
    else:
        sections["task"] = [task_fact(task)]
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


def isaaclab_fact(has_isaaclab: bool) -> Fact:
    found = version_of("isaaclab")
    if found is None:
        return Fact("isaaclab", "of unknown version" if has_isaaclab else WITHOUT_ISAACLAB)
    wanted = PYTHONS.get(isaaclab_tasks.generation() or 0)
    if wanted is None or platform.python_version().startswith(f"{wanted}."):
        return Fact("isaaclab", found)
    return Fact("isaaclab", found, f"use Python {wanted}, the only one that it runs on")


def gym_fact(has_isaaclab: bool) -> Fact:
    found = version_of("gym")
    if found is None and has_isaaclab:
        return Fact(
            "gym", "missing", "pip install gym==0.23.1; Isaac Lab's rl_games wrapper imports it"
        )
    return Fact("gym", found or "not installed; only Isaac Lab's rl_games wrapper needs it")


def pip_door(has_isaaclab: bool) -> Fact:
    """Whether Isaac Lab and the old gym would find our entry points."""
    topic = "pip install alone"
    for group, door in DOORS.items():
        if all(point.value != door for point in metadata.entry_points(group=group)):
            return Fact(
                topic,
                f"shut: no entry point {group} of ours is installed",
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
    return Fact(topic, f"our configurations on {len(specs.add_to_all())} of them")


def task_fact(name: str) -> Fact:
    """What one task has of ours: by gymnasium's specs where they are there, else by our tables."""
    gymnasium = sys.modules.get("gymnasium")
    registry = {} if gymnasium is None else gymnasium.registry
    there = [task for task, spec in registry.items() if specs.TASK_KEY in spec.kwargs]
    if name in there:
        found = list(specs.add(registry[name]))
    elif there:
        return Fact(name, f"no task of the Isaac Lab that is installed{nearest(name, there)}", MORE)
    else:
        found = list(isaaclab_tasks.entry_points(name))
    if not found:
        return Fact(name, "no configuration of ours", loading.WAY_OUT)
    return Fact(name, ", ".join(f"--agent {key}" for key in found))


def shipped() -> list[Fact]:
    """Every task that we ship files for, with its policies."""
    lab, policies = isaaclab_tasks.generation(), isaaclab_tasks.policies()
    found = {isaaclab_tasks.task(stem, lab): policies[stem] for stem in isaaclab_tasks.TASKS}
    width = max(map(len, found))
    return [Fact(task.ljust(width), ", ".join(names)) for task, names in found.items()]
