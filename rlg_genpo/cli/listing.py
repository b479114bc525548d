"""``rlg-genpo list``: the shipped configurations, as their files describe them."""

from collections.abc import Iterable

from tqdm import tqdm

from rlg_genpo.cli import configs, validation
from rlg_genpo.envs import simulator_of
from rlg_genpo.isaaclab.tasks import task_and_key

HEADINGS = ("name", "policy", "task", "envs", "frames")
ISAAC_LAB_HEADINGS = ("name", "policy", "--task", "--agent", "epochs")
ISAAC_LAB_TITLE = "For Isaac Lab's own train.py and play.py (see docs/isaaclab.md):"


def table() -> list[str]:
    """One line per shipped configuration: those that train here, then those for Isaac Lab."""
    here = columns(HEADINGS, (row(name) for name in configs.shipped()))
    there = columns(ISAAC_LAB_HEADINGS, (isaac_lab_row(name) for name in configs.for_isaac_lab()))
    return [*here, "", ISAAC_LAB_TITLE, *there]


def columns(headings: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as text, each column as wide as its widest cell."""
    rows = [headings, *lines]
    widths = [max(len(line[i]) for line in rows) for i in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in rows
    ]


def row(name: str) -> tuple[str, ...]:
    params = configs.load(configs.shipped()[name])
    config = params["config"]
    policy = policy_name(params["algo"]["name"])
    frames = validation.planned_frames(config)
    total = "unlimited" if frames is None else tqdm.format_sizeof(frames)
    return name, policy, simulator_of(config).task(config), str(config["num_actors"]), total


def isaac_lab_row(name: str) -> tuple[str, ...]:
    params = configs.load(configs.for_isaac_lab()[name])
    config = params["config"]
    task, key = task_and_key(config["name"]) or ("", "")
    return name, policy_name(params["algo"]["name"]), task, key, str(config["max_epochs"])


def policy_name(algorithm: str) -> str:
    return "gaussian" if algorithm == validation.GAUSSIAN else algorithm
