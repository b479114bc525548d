"""Writes the mjlab YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/mjlab_configs.py            write them
    python tools/mjlab_configs.py --check    exit 1 if one differs from what would be written

Each task's numbers are mjlab 1.6's own rsl_rl settings for Gaussian PPO (``load_rl_cfg``);
rsl_rl's value coefficient of 1 is rl_games' critic_coef 2, since rl_games halves that loss. The
other files keep them and swap the head. What is ours is said in each file's first lines.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import yaml_files
from yaml_files import cppo_widths, gaussian_head, head, mlp, space


@dataclass(frozen=True)
class Policy:
    """What differs between two policies' settings."""

    title: str
    entropy: float
    minutes: str  #: of mjlab_cartpole on a CPU core
    ours: str = ""
    note: str = ""


@dataclass(frozen=True)
class Task:
    """What differs between two tasks' settings."""

    env: str
    units: Sequence[int]
    envs: int
    horizon: int
    epochs: int
    #: an asymmetric critic, and actions that nothing clips, as under mjlab's own trainer
    privileged: bool
    note: str
    #: what we ran, by policy
    ran: dict[str, str]

    @property
    def minibatch(self) -> int:
        """Steps of each environment in a minibatch: mjlab makes four of a rollout."""
        return self.horizon // 4


CPPO_NOTE = """\
# The head is a reconstruction of arXiv 2603.04790; flow and kernel have the policy's hidden widths.
"""

POLICIES = {
    "genpo": Policy("GenPO", 0.01, "two minutes", "the flow"),
    "cppo": Policy("Conditional PPO", 0.01, "four minutes", "the head", CPPO_NOTE),
    "ppo": Policy("Gaussian PPO", 0.01, "two minutes"),
}

SETTINGS = """\
# From mjlab 1.6's rsl_rl settings of the task: hidden widths, horizon, four minibatches,
# mini-epochs, learning rate, KL target, gamma, tau, clipping, value coefficient"""

CARTPOLE = (
    SETTINGS
    + """. Ours:
# 256 environments, 130 epochs ({minutes} on a CPU core), normalised observations and
# values{head}.
# Run by us: {ran}
"""
)

ROBOT = (
    SETTINGS
    + """, epochs;
# 4096 environments, as its documentation trains with. The critic sees the `critic` observations,
# with privileged terms; its learning rate stays at 1e-3, where mjlab's follows the policy's.
# Ours: {ours}.
# Run by us: {ran}
"""
)

FULL = "in full, three seeds; and with config.env_config.env_name=Mjlab-Cartpole-Swingup."
SMOKE = "two epochs with 8 environments on a CPU. No return is claimed."

TASKS = {
    "cartpole": Task(
        "Mjlab-Cartpole-Balance", [64, 64], 256, 32, 130, False, CARTPOLE,
        {"genpo": FULL, "cppo": "in full, one seed.", "ppo": FULL},
    ),
    "go1_flat": Task(
        "Mjlab-Velocity-Flat-Unitree-Go1", [512, 256, 128], 4096, 24, 10000,
        True, ROBOT, {"genpo": SMOKE, "cppo": SMOKE},
    ),
    "g1_flat": Task(
        "Mjlab-Velocity-Flat-Unitree-G1", [512, 256, 128], 4096, 24, 30000,
        True, ROBOT, {"genpo": SMOKE, "cppo": SMOKE},
    ),
}  # fmt: skip

BODY = """\

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


def head_of(task: Task, policy: str) -> str:
    """``algo``, ``model`` and ``network`` of a file."""
    trunk, separate = mlp(task.units), not task.privileged
    if policy == "ppo":
        return gaussian_head(trunk, separate)
    rest = f"separate: {separate}\n{space()}{trunk}"
    return head(policy, rest, cppo_widths(task.units) if policy == "cppo" else {})


def text(task: Task, key: str, policy: str) -> str:
    """One YAML file."""
    about = POLICIES[policy]
    values = {**vars(task), "minibatch": task.minibatch, "name": f"mjlab_{key}_{policy}"}
    values |= {"entropy": about.entropy}
    parts = [
        f"# {about.title} on mjlab's {task.env}. Written by tools/mjlab_configs.py.\n",
        task.note.format(
            ran=task.ran[policy],
            ours=about.ours,
            head=f", {about.ours}" if about.ours else "",
            minutes=about.minutes,
        ),
        about.note,
        "params:\n  seed: 5\n\n",
        head_of(task, policy),
        BODY.format(**values),
        CENTRAL_VALUE.format(**values) if task.privileged else "",
        ENVIRONMENT.format(**values),
        UNCLIPPED if task.privileged else "",
        PLAYER,
    ]
    return "".join(parts)


def written() -> dict[str, str]:
    """File name to text, for every task and policy."""
    return {
        f"mjlab_{key}_{policy}.yaml": text(task, key, policy)
        for key, task in TASKS.items()
        for policy in task.ran
    }


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/mjlab_configs.py"))
