"""Writes the MuJoCo YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/task_configs.py            write them
    python tools/task_configs.py --check    exit 1 if one differs from what would be written

Each task's numbers are rl_games' own published envpool settings for Gaussian PPO
(rl_games/configs/mujoco/*_envpool.yaml). The files of GenPO and CPPO keep them but for the head,
the KL target, short rollouts and a narrow start near zero (docs/RESULTS.md); GenPO's also for the
rate.
Pendulum has no published envpool settings; its numbers are ours.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml_files
from yaml_files import gaussian_head, head, mlp, space


@dataclass(frozen=True)
class Rollout:
    """Steps of each environment in an epoch, and the size of its minibatches."""

    horizon: int
    minibatch: int


@dataclass(frozen=True)
class Task:
    """What differs between two tasks' published settings."""

    env: str
    units: Sequence[int]
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
    #: of the generative policies
    short: Rollout = Rollout(32, 1024)
    log_sigma: str = "-0.7             # sigma 0.5"
    cppo_log_sigma: str | None = None  # None: the same
    flow_lr: str = "5.0e-4"
    genpo_kl: float = 0.016
    cppo_kl: float = 0.016
    genpo: Mapping[str, Any] = field(default_factory=dict)  # what differs from the defaults
    cppo: Mapping[str, Any] = field(default_factory=dict)


def rollout_of(task: Task, policy: str) -> dict[str, int]:
    """Horizon, minibatch, and the epochs in which these see the published run's frames."""
    published = Rollout(task.horizon, task.minibatch)
    rollout = published if policy == "ppo" else task.short
    epochs = math.ceil(task.epochs * task.horizon / rollout.horizon)
    return {"horizon": rollout.horizon, "minibatch": rollout.minibatch, "epochs": epochs}


SCALED = "{name: variance_scaling_initializer, scale: 2.0}"
DEFAULT = "{name: default}"
#: mu starts near zero, as is usual in PPO
MU_INIT = "orthogonal_initializer\n      gain: 0.01"
REGULARISED = "bound_loss_type: regularisation\n    bounds_loss_coef: "

TASKS = {
    "halfcheetah": Task(
        "HalfCheetah-v5", [128, 64, 32], SCALED, "5.0e-4", 256, 5, 4, False, 1, 184,
        genpo_kl=0.008,
    ),
    "hopper": Task(
        "Hopper-v5", [256, 128, 64], DEFAULT, "5.0e-4", 64, 5, 2, False, 0.1, 732,
        bounds=REGULARISED + "0.0",
    ),
    "walker2d": Task(
        "Walker2d-v5", [256, 128, 64], DEFAULT, "3.0e-4", 128, 5, 2, False, 0.1, 366,
        bounds=REGULARISED + "0.0",
    ),
    "ant": Task(
        "Ant-v5", [256, 128, 64], DEFAULT, "3.0e-4", 64, 4, 2, True, 1, 732,
        bounds=REGULARISED + "0.0",
        log_sigma="-1.2             # sigma 0.3",
        genpo_kl=0.008, cppo_log_sigma="-1.6             # sigma 0.2",
        cppo={"network.flow.condition": "features"},
    ),
    "humanoid": Task(
        "Humanoid-v5", [512, 256, 128], DEFAULT, "3.0e-4", 128, 5, 4, True, 0.1, 1221,
        bounds=REGULARISED + "0.0005",
    ),
    "pendulum": Task(
        "Pendulum-v1", [64, 64], DEFAULT, "1.0e-3", 64, 5, 2, False, 0.1, 100,
        minibatch=1024, gamma=0.95, genpo={"network.flow.units": [32, 32]},
        cppo={"network.flow.units": [32, 32], "network.residual.units": [32, 32]},
    ),
}  # fmt: skip

LABELS = {"genpo": "GenPO", "cppo": "Conditional PPO", "ppo": "Gaussian PPO"}

TITLE = """\
# {} on {} (MuJoCo through envpool). Written by tools/task_configs.py.
params:
  seed: 5

"""

BODY = """\

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
    kl_threshold: {target}
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


def head_of(task: Task, policy: str) -> str:
    """``algo``, ``model`` and ``network`` of a file."""
    trunk = mlp(task.units, initializer=task.initializer)
    if policy == "ppo":
        return gaussian_head(trunk, separate=False)
    log_sigma = (task.cppo_log_sigma if policy == "cppo" else None) or task.log_sigma
    rest = f"separate: False\n{space(log_sigma, MU_INIT)}{trunk}"
    return head(policy, rest, task.genpo if policy == "genpo" else task.cppo)


def written() -> dict[str, str]:
    """File name to text, for every task and policy."""
    files = {}
    for key, task in TASKS.items():
        published = vars(task)
        rates = {"genpo": task.flow_lr, "cppo": task.learning_rate, "ppo": task.learning_rate}
        targets = {"genpo": task.genpo_kl, "cppo": task.cppo_kl, "ppo": 0.008}
        for policy, label in LABELS.items():
            name = f"{key}_{policy}"
            values = {**published, **rollout_of(task, policy)}
            body = BODY.format(name=name, rate=rates[policy], target=targets[policy], **values)
            start = TITLE.format(label, task.env) + head_of(task, policy)
            files[f"{name}.yaml"] = start + body
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/task_configs.py"))
