"""Writes the mjlab YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/mjlab_configs.py            write them
    python tools/mjlab_configs.py --check    exit 1 if one differs from what would be written

Each task's numbers are mjlab 1.6's own rsl_rl settings for Gaussian PPO (``load_rl_cfg``);
rsl_rl's value coefficient of 1 is rl_games' critic_coef 2, since rl_games halves that loss. The
GenPO files keep them and swap the head. What is ours is said in each file's first lines.
"""

import sys
from dataclasses import dataclass

import yaml_files
from yaml_files import GAUSSIAN_HEAD, GENPO_HEAD


@dataclass(frozen=True)
class Task:
    """What differs between two tasks' settings."""

    env: str
    units: str
    envs: int
    horizon: int
    epochs: int
    velocity_units: str
    gaussian: bool
    #: an asymmetric critic, and actions that nothing clips, as under mjlab's own trainer
    privileged: bool
    note: str

    @property
    def minibatch(self) -> int:
        """Steps of each environment in a minibatch: mjlab makes four of a rollout."""
        return self.horizon // 4


SETTINGS = """\
# From mjlab 1.6's rsl_rl settings of the task: hidden widths, horizon, four minibatches,
# mini-epochs, learning rate, KL target, gamma, tau, clipping, value coefficient"""

CARTPOLE = (
    SETTINGS
    + """. Ours: 256
# environments, 130 epochs (two minutes on a CPU core), normalised observations and values{head}.
# Run by us: in full, three seeds; and with config.env_config.env_name=Mjlab-Cartpole-Swingup.
"""
)

ROBOT = (
    SETTINGS
    + """, epochs;
# 4096 environments, as its documentation trains with. The critic sees the `critic` observations,
# with privileged terms; its learning rate stays at 1e-3, where mjlab's follows the policy's.
# Ours: the flow.
# Run by us: two epochs with 8 environments on a CPU. No return is claimed.
"""
)

TASKS = {
    "cartpole": Task(
        "Mjlab-Cartpole-Balance", "[64, 64]", 256, 32, 130, "[32, 32]", True, False, CARTPOLE,
    ),
    "go1_flat": Task(
        "Mjlab-Velocity-Flat-Unitree-Go1", "[512, 256, 128]", 4096, 24, 10000, "[128, 128]",
        False, True, ROBOT,
    ),
    "g1_flat": Task(
        "Mjlab-Velocity-Flat-Unitree-G1", "[512, 256, 128]", 4096, 24, 30000, "[128, 128]",
        False, True, ROBOT,
    ),
}  # fmt: skip

BODY = """\
    mlp:
      units: {units}
      activation: elu
      initializer: {{name: default}}

  config:
    name: {name}
    env_name: mjlab
    normalize_input: True
    normalize_value: True
    value_bootstrap: True
    reward_shaper:
      scale_value: 1
    normalize_advantage: True
    gamma: 0.99
    tau: 0.95
    learning_rate: 1.0e-3
    lr_schedule: adaptive
    kl_threshold: 0.01
    grad_norm: 1.0
    entropy_coef: {entropy}
    truncate_grads: True
    e_clip: 0.2
    clip_value: True
    bounds_loss_coef: 0.0
    num_actors: {envs}
    horizon_length: {horizon}
    minibatch_size_per_env: {minibatch}
    mini_epochs: 5
    critic_coef: 2
    max_epochs: {epochs}
"""

CENTRAL_VALUE = """\
    clip_actions: False         # mjlab clips nothing: actions are offsets of joint positions
    central_value_config:
      minibatch_size_per_env: {minibatch}
      mini_epochs: 5
      learning_rate: 1.0e-3
      clip_value: True
      normalize_input: True
      truncate_grads: True
      grad_norm: 1.0
      network:
        name: actor_critic
        central_value: True
        mlp:
          units: {units}
          activation: elu
          initializer: {{name: default}}
"""

ENVIRONMENT = """\
    env_config:
      env_name: {env}
"""

UNCLIPPED = """\
      clip_actions: 100.0       # a bound, but not one that acts
"""

PLAYER = """\
    player:
      deterministic: True
"""


def text(task: Task, name: str, policy: str) -> str:
    """One YAML file."""
    genpo = policy == "GenPO"
    values = {**vars(task), "minibatch": task.minibatch, "name": name}
    values |= {"separate": not task.privileged, "entropy": 0.0 if genpo else 0.01}
    parts = [
        f"# {policy} on mjlab's {task.env}. Written by tools/mjlab_configs.py.\n",
        task.note.format(head=", the flow" if genpo else ""),
        "params:\n  seed: 5\n\n",
        (GENPO_HEAD if genpo else GAUSSIAN_HEAD).format(**values),
        BODY.format(**values),
        CENTRAL_VALUE.format(**values) if task.privileged else "",
        ENVIRONMENT.format(**values),
        UNCLIPPED if task.privileged else "",
        PLAYER,
    ]
    return "".join(parts)


def written() -> dict[str, str]:
    """File name to text, for every task and policy."""
    files = {}
    for key, task in TASKS.items():
        for policy in ("GenPO", "Gaussian PPO") if task.gaussian else ("GenPO",):
            name = f"mjlab_{key}_{'genpo' if policy == 'GenPO' else 'ppo'}"
            files[f"{name}.yaml"] = text(task, name, policy)
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/mjlab_configs.py"))
