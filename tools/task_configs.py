"""Writes the MuJoCo YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/task_configs.py            write them
    python tools/task_configs.py --check    exit 1 if one differs from what would be written

Each task's numbers are rl_games' own published envpool settings for Gaussian PPO
(rl_games/configs/mujoco/*_envpool.yaml); the GenPO file keeps them and swaps the head, the learning
rate and its schedule. Pendulum has no published envpool settings; its numbers are ours.
"""

import sys
from dataclasses import dataclass

import yaml_files
from yaml_files import GAUSSIAN_HEAD, GENPO_HEAD


@dataclass(frozen=True)
class Task:
    """What differs between two tasks' published settings."""

    env: str
    units: str
    initializer: str
    learning_rate: str
    horizon: int
    mini_epochs: int
    critic_coef: int
    clip_value: bool
    reward_scale: float
    epochs: int
    envs: int = 64
    minibatch: int = 2048
    smooth_clamp: bool = True
    bounds: str = "bounds_loss_coef: 0.0"
    gamma: float = 0.99
    genpo_lr: str = "1e-3"
    genpo_kl: float = 0.01
    genpo_separate: bool = False
    velocity_units: str = "[64, 64]"


SCALED = "{name: variance_scaling_initializer, scale: 2.0}"
DEFAULT = "{name: default}"
REGULARISED = "bound_loss_type: regularisation\n    bounds_loss_coef: "

TASKS = {
    "halfcheetah": Task(
        "HalfCheetah-v5", "[128, 64, 32]", SCALED, "5e-4", 256, 5, 4, False, 1, 184,
        genpo_kl=0.02, genpo_separate=True,
    ),
    "hopper": Task(
        "Hopper-v5", "[256, 128, 64]", DEFAULT, "5e-4", 64, 5, 2, False, 0.1, 732,
        bounds=REGULARISED + "0.0",
    ),
    "walker2d": Task(
        "Walker2d-v5", "[256, 128, 64]", DEFAULT, "3e-4", 128, 5, 2, False, 0.1, 366,
        bounds=REGULARISED + "0.0",
    ),
    "ant": Task(
        "Ant-v5", "[256, 128, 64]", DEFAULT, "3e-4", 64, 4, 2, True, 1, 732,
        bounds=REGULARISED + "0.0",
    ),
    "humanoid": Task(
        "Humanoid-v5", "[512, 256, 128]", DEFAULT, "3e-4", 128, 5, 4, True, 0.1, 1221,
        bounds=REGULARISED + "0.0005",
    ),
    "pendulum": Task(
        "Pendulum-v1", "[64, 64]", DEFAULT, "1e-3", 64, 5, 2, False, 0.1, 100,
        minibatch=1024, gamma=0.95, velocity_units="[32, 32]",
    ),
}  # fmt: skip

BODY = """\
    mlp:
      units: {units}
      activation: elu
      initializer: {initializer}

  config:
    name: {name}
    env_name: envpool
    normalize_input: True
    normalize_value: True
    value_bootstrap: True
    reward_shaper:
      scale_value: {reward_scale}
    normalize_advantage: True
    use_smooth_clamp: {smooth_clamp}
    gamma: {gamma}
    tau: 0.95
    learning_rate: {rate}
    lr_schedule: adaptive
    kl_threshold: {kl}
    grad_norm: 1.0
    entropy_coef: 0.0
    truncate_grads: True
    e_clip: 0.2
    clip_value: {clip_value}
    {bounds}
    num_actors: {envs}
    horizon_length: {horizon}
    minibatch_size: {minibatch}
    mini_epochs: {mini_epochs}
    critic_coef: {critic_coef}
    max_epochs: {epochs}
    env_config:
      env_name: {env}
    player:
      deterministic: True
"""


def written() -> dict[str, str]:
    """File name to text, for every task and policy."""
    files = {}
    for key, task in TASKS.items():
        values = vars(task)
        title = (
            f"# {{}} on {task.env} (MuJoCo through envpool). Written by tools/task_configs.py.\n"
        )
        files[f"{key}_genpo.yaml"] = (
            title.format("GenPO")
            + "params:\n  seed: 5\n\n"
            + GENPO_HEAD.format(separate=task.genpo_separate, **values)
            + BODY.format(name=f"{key}_genpo", rate=task.genpo_lr, kl=task.genpo_kl, **values)
        )
        files[f"{key}_ppo.yaml"] = (
            title.format("Gaussian PPO")
            + "params:\n  seed: 5\n\n"
            + GAUSSIAN_HEAD.format(separate=False)
            + BODY.format(name=f"{key}_ppo", rate=task.learning_rate, kl=0.008, **values)
        )
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/task_configs.py"))
