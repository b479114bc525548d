"""``rlg-genpo list``: the shipped configurations, as their files describe them."""

from rlg_genpo.commands import configs, simulators, validation
from rlg_genpo.commands.progress import short

HEADINGS = ("name", "policy", "task", "envs", "frames")


def table() -> list[str]:
    """One line per shipped configuration, under a heading."""
    rows = [HEADINGS, *(row(name) for name in configs.shipped())]
    widths = [max(len(line[i]) for line in rows) for i in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in rows
    ]


def row(name: str) -> tuple[str, ...]:
    params = configs.load(configs.shipped()[name])
    config = params["config"]
    policy = policy_name(params["algo"]["name"])
    frames = validation.planned_frames(config)
    total = "unlimited" if frames is None else short(frames)
    return name, policy, simulators.task_of(config), str(config["num_actors"]), total


def policy_name(algorithm: str) -> str:
    return "gaussian" if algorithm == validation.GAUSSIAN else algorithm
