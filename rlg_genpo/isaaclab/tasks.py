"""Isaac Lab's tasks that we ship configurations for, and the agent keys they stand under.

Standard library only: this is read while ``import gym`` runs, when torch and rl_games may be half
imported.
"""

import functools
import re

from rlg_genpo.shipped import ISAAC_LAB

#: what Isaac Lab resolves, as ``MODULE:FILE.yaml``; importing it registers our agents
MODULE = "rlg_genpo.task_configs.isaaclab"

#: file stem to the task's ids, without version and "-Play": first Isaac Lab 2.x's, then the name
#: that 3.0 gave it, where that is another one
TASKS: dict[str, tuple[str, ...]] = {
    "ant": ("Isaac-Ant",),
    "humanoid": ("Isaac-Humanoid",),
    "lift_cube_franka": ("Isaac-Lift-Cube-Franka",),
    "quadcopter_direct": ("Isaac-Quadcopter-Direct",),
    "velocity_flat_anymal_d": ("Isaac-Velocity-Flat-Anymal-D", "Isaac-Velocity-Flat-AnymalD"),
    "velocity_rough_unitree_go2": (
        "Isaac-Velocity-Rough-Unitree-Go2",
        "Isaac-Velocity-Rough-UnitreeGo2",
    ),
    "velocity_rough_h1": ("Isaac-Velocity-Rough-H1",),
    "repose_cube_shadow_direct": (
        "Isaac-Repose-Cube-Shadow-Direct",
        "Isaac-Reorient-Cube-Shadow-Direct",
    ),
    "ant_direct": ("Isaac-Ant-Direct",),
    "humanoid_direct": ("Isaac-Humanoid-Direct",),
    "cartpole": ("Isaac-Cartpole",),
    "cartpole_direct": ("Isaac-Cartpole-Direct",),
    "cartpole_rgb_camera_direct": (
        "Isaac-Cartpole-RGB-Camera-Direct",
        "Isaac-Cartpole-Camera-Direct",
    ),
    "repose_cube_shadow_openai_lstm_direct": (
        "Isaac-Repose-Cube-Shadow-OpenAI-LSTM-Direct",
        "Isaac-Reorient-Cube-Shadow-OpenAI-LSTM-Direct",
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


def task_and_key(name: str) -> tuple[str, str] | None:
    """The task, by Isaac Lab 2.x's id, and the agent key of a shipped file, as ``ant_genpo``."""
    for stem, known in policies().items():
        policy = name.removeprefix(f"{stem}_")
        if policy != name and policy in known:
            return f"{TASKS[stem][0]}-v0", agent_key(policy)
    return None
