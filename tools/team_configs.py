"""Writes the multi-agent YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/team_configs.py            write them
    python tools/team_configs.py --check    exit 1 if one differs from what would be written

Three policies on each task: DDPL, independent Gaussian PPO (rl_games shares one network between the
agents) and the same with a central critic, which sees all agents' observations.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import fill, indent
from typing import Any

import yaml_files
from yaml_files import gaussian_head, head, mlp


@dataclass(frozen=True)
class Task:
    """What differs between two tasks."""

    title: str
    env_name: str
    env: str  #: lines of env_config
    agents: int  #: rows of an environment in the native layout
    actors: int
    horizon: int
    epochs: int
    gamma: float = 0.99
    reward_scale: float = 1.0
    # DDPL's, where the tasks' trials differ
    ddpl: Mapping[str, Any] = field(default_factory=dict)
    rate: str = "2.0e-3"
    schedule: str = "linear"

    @property
    def frames(self) -> int:
        return self.actors * self.horizon


VMAS = """\
      scenario: {scenario}
      max_steps: 100
      rewards: team             # every agent's reward is the mean over the agents
"""

MAMUJOCO = """\
      scenario: {scenario}
      agent_conf: {conf}
      agent_obsk: 1
      rewards: team             # every agent's reward is the mean over the agents
"""

TASKS = {
    "vmas_simple_spread": Task(
        "VMAS simple_spread (three agents cover three landmarks)",
        "vmas",
        VMAS.format(scenario="simple_spread"),
        agents=3,
        actors=128,
        horizon=25,
        epochs=75,
        reward_scale=0.1,
        ddpl={"algo.kl_budget": 0.1, "algo.tilt_limit": None, "algo.value_epochs": 10},
        rate="1.0e-3",
        schedule="constant",
    ),
    "vmas_navigation": Task(
        "VMAS navigation (three agents, each to its own goal)",
        "vmas",
        VMAS.format(scenario="navigation") + "      options: {n_agents: 3}\n",
        agents=3,
        actors=128,
        horizon=25,
        epochs=75,
    ),
    "vmas_balance": Task(
        "VMAS balance (three agents carry a package on a beam)",
        "vmas",
        VMAS.format(scenario="balance"),
        agents=3,
        actors=128,
        horizon=25,
        epochs=75,
    ),
    "mamujoco_halfcheetah": Task(
        "multi-agent MuJoCo's HalfCheetah 2x3 (front and back half)",
        "mamujoco",
        MAMUJOCO.format(scenario="HalfCheetah", conf="2x3"),
        agents=2,
        actors=16,
        horizon=128,
        epochs=400,
        ddpl={"network.diffusion.spread": 0.3},
    ),
}

#: what the tasks share of DDPL's; one denoiser for all agents, as the baselines share theirs
DDPL = {
    "algo.proposal_states": 0.25,
    "algo.tilt_limit": 0.5,
    "algo.policy_lr": 3e-3,
    "network.diffusion.sampling_steps": 10,
    "network.diffusion.shared_weights": True,
}

TRUNK = mlp([128, 128])

CONFIG = """\

  config:
    name: {name}
    env_name: {task.env_name}
    env_config:
{task.env}\
{states}\
    normalize_input: True
    normalize_value: True
    value_bootstrap: True
    reward_shaper:
      scale_value: {task.reward_scale}
    normalize_advantage: True
    gamma: {task.gamma}
    tau: 0.95
    learning_rate: {rate}
    lr_schedule: {schedule}
{threshold}\
    grad_norm: 1.0
    truncate_grads: True
    entropy_coef: 0.0
    e_clip: 0.2
    clip_value: True
    critic_coef: 2
    bounds_loss_coef: {bounds}
    num_actors: {task.actors}
    horizon_length: {task.horizon}
    minibatch_size: {minibatch}
    mini_epochs: {mini_epochs}
    max_epochs: {task.epochs}              # {frames} environment frames
    save_best_after: 20
    save_frequency: 50
{central}\
    player:
      deterministic: True
      use_vecenv: True
"""

CENTRAL = f"""\
    central_value_config:
      minibatch_size: {{minibatch}}
      mini_epochs: 5
      learning_rate: 1.0e-3
      lr_schedule: linear
      clip_value: True
      normalize_input: True
      truncate_grads: True
      grad_norm: 1.0
      network:
        name: actor_critic
        central_value: True
{indent(TRUNK.replace("{", "{{").replace("}", "}}"), "        ")}\
"""


START = """\
params:
  seed: 5

"""


def header(title: str, task: Task) -> str:
    words = f"{title} on {task.title}. Written by tools/team_configs.py."
    return f"{fill(words, 100, initial_indent='# ', subsequent_indent='# ')}\n{START}"


def config(name: str, task: Task, **values: object) -> str:
    frames = task.frames * task.epochs
    return CONFIG.format(name=name, task=task, frames=f"{frames:_}".replace("_", " "), **values)


def ddpl(stem: str, task: Task) -> str:
    return (
        header("DDPL, reconstructed from its abstract,", task)
        + head("ddpl", f"# This trunk is the critic's alone.\n{TRUNK}", {**DDPL, **task.ddpl})
        + config(
            f"{stem}_ddpl",
            task,
            states="",
            rate=task.rate,
            schedule=task.schedule,
            threshold="",
            bounds=0.0,
            minibatch=task.frames // 4,
            mini_epochs=4,
            central="",
        )
    )


def gaussian(stem: str, task: Task, central: bool) -> str:
    kind = "Gaussian PPO with a central critic" if central else "Independent Gaussian PPO"
    name = f"{stem}_central_ppo" if central else f"{stem}_ppo"
    return (
        header(kind, task)
        + gaussian_head(TRUNK, separate=False)
        + config(
            name,
            task,
            states="      states: True\n" if central else "",
            rate="1.0e-3",
            schedule="adaptive",
            threshold="    kl_threshold: 0.008\n",
            bounds="1.0e-4",
            minibatch=task.frames * task.agents // 4,
            mini_epochs=5,
            central=CENTRAL.format(minibatch=task.frames // 4) if central else "",
        )
    )


def written() -> dict[str, str]:
    """File name to text."""
    files = {}
    for stem, task in TASKS.items():
        files[f"{stem}_ddpl.yaml"] = ddpl(stem, task)
        files[f"{stem}_ppo.yaml"] = gaussian(stem, task, central=False)
        files[f"{stem}_central_ppo.yaml"] = gaussian(stem, task, central=True)
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/team_configs.py"))
