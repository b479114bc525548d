"""Isaac Lab's tasks that we ship configurations for, and the agent keys they stand under.

Standard library only: this is read while ``import gym`` runs, when torch and rl_games may be half
imported.
"""

import functools
import re
from importlib import metadata
from importlib.util import find_spec
from typing import NamedTuple

from rlg_genpo.shipped import ISAAC_LAB

#: what Isaac Lab resolves, as ``MODULE:FILE.yaml``; importing it registers our agents
MODULE = "rlg_genpo.task_configs.isaaclab"

#: file stem to the task's id without version and "-Play", in Isaac Lab 2.x and from 3.0 on; None
#: where it has been removed
TASKS: dict[str, tuple[str, str | None]] = {
    "ant": ("Isaac-Ant", "Isaac-Ant"),
    "humanoid": ("Isaac-Humanoid", "Isaac-Humanoid"),
    "lift_cube_franka": ("Isaac-Lift-Cube-Franka", "IsaacContrib-Lift-Cube-Franka"),
    "quadcopter_direct": ("Isaac-Quadcopter-Direct", None),
    "velocity_flat_anymal_d": ("Isaac-Velocity-Flat-Anymal-D", "Isaac-Velocity-Flat-AnymalD"),
    "velocity_rough_unitree_go2": (
        "Isaac-Velocity-Rough-Unitree-Go2",
        "Isaac-Velocity-Rough-UnitreeGo2",
    ),
    "velocity_rough_h1": ("Isaac-Velocity-Rough-H1", "Isaac-Velocity-Rough-H1"),
    "repose_cube_shadow_direct": (
        "Isaac-Repose-Cube-Shadow-Direct",
        "Isaac-Reorient-Cube-Shadow-Direct",
    ),
    "ant_direct": ("Isaac-Ant-Direct", "Isaac-Ant-Direct"),
    "humanoid_direct": ("Isaac-Humanoid-Direct", "Isaac-Humanoid-Direct"),
    "cartpole": ("Isaac-Cartpole", "Isaac-Cartpole"),
    "cartpole_direct": ("Isaac-Cartpole-Direct", "Isaac-Cartpole-Direct"),
    "cartpole_rgb_camera_direct": (
        "Isaac-Cartpole-RGB-Camera-Direct",
        "Isaac-Cartpole-Camera-Direct",
    ),
    "repose_cube_shadow_openai_lstm_direct": (
        "Isaac-Repose-Cube-Shadow-OpenAI-LSTM-Direct",
        "IsaacContrib-Reorient-Cube-Shadow-OpenAI-LSTM-Direct",
    ),
    "cart_double_pendulum_direct": (
        "Isaac-Cart-Double-Pendulum-Direct",
        "Isaac-Pendulum-MARL-Direct",
    ),
    "shadow_hand_over_direct": ("Isaac-Shadow-Hand-Over-Direct", "Isaac-Shadow-Handover-Direct"),
}

#: the Gaussian's files, which we add where Isaac Lab ships no rl_games config for a task, under
#: Isaac Lab's own key, which its train.py takes when no --agent is given
BASELINE = "ppo"
BASELINE_KEY = "rl_games_cfg_entry_point"

#: what the names of files end in that keep a paper's own network and settings
PAPER = "paper"

_ENDING = re.compile(r"(-Play)?(-v\d+)?$")


def agent_key(policy: str) -> str:
    """The key for a policy's config among a task's kwargs, to be given as ``--agent``."""
    return BASELINE_KEY if policy == BASELINE else f"rl_games_{policy}_cfg_entry_point"


@functools.cache
def policies() -> dict[str, tuple[str, ...]]:
    """File stem to the policies that have a ``STEM_POLICY.yaml``."""
    names = sorted(path.stem for path in ISAAC_LAB.glob("*.yaml"))
    ends = {stem: re.compile(rf"{stem}_([a-z]+(?:_{PAPER})?)") for stem in TASKS}
    return {
        stem: tuple(found[1] for name in names if (found := end.fullmatch(name)))
        for stem, end in ends.items()
    }


def entry_points(task_id: str) -> dict[str, str]:
    """Agent key to ``module:file.yaml`` of all that we ship for a task's gymnasium id."""
    name = _ENDING.sub("", task_id, count=1)
    stem = next((stem for stem, names in TASKS.items() if name in names), "")
    return {
        agent_key(policy): f"{MODULE}:{stem}_{policy}.yaml" for policy in policies().get(stem, ())
    }


def generation() -> int | None:
    """2 or 3 for the Isaac Lab that is installed; None without one."""
    if find_spec("isaaclab_newton") is not None:
        return 3
    try:
        return 3 if metadata.version("isaaclab").startswith("3.") else 2
    except metadata.PackageNotFoundError:
        return None if find_spec("isaaclab_tasks") is None else 2


class Shipped(NamedTuple):
    """A file that we ship for a task, in the words of the Isaac Lab that is installed, or of both
    generations where none is."""

    stem: str
    policy: str

    @classmethod
    def named(cls, name: str) -> "Shipped | None":
        """By the file's name, as in ``ant_genpo``."""
        for stem, known in policies().items():
            policy = name.removeprefix(f"{stem}_")
            if policy != name and policy in known:
                return cls(stem, policy)
        return None

    @property
    def key(self) -> str:
        """What ``--agent`` takes."""
        return agent_key(self.policy)

    @property
    def task(self) -> str:
        return task(self.stem, generation())

    @property
    def command(self) -> str:
        """What trains it."""
        older, newer = TASKS[self.stem]
        known = {2: f"Isaac Lab's train.py with --task {older}-v0 --agent {self.key}"}
        if newer is not None:
            words = f"isaaclab train --rl_library rl_games --task {newer} --agent {self.key}"
            known[3] = f"`{words}`"
        one = known.get(generation() or 0)
        return one or ", or from Isaac Lab 3.0 on ".join(known.values())


def task(stem: str, lab: int | None) -> str:
    """A task's id in a generation of Isaac Lab; in both, for None."""
    older, newer = TASKS[stem]
    if newer is None:
        return f"{older}-v0" if lab == 2 else f"{older}-v0 (2.x only)"
    both = f"{older}-v0 (3.0: {newer})"
    return {2: f"{older}-v0", 3: newer}.get(lab or 0, both)
