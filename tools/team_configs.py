"""Writes the multi-agent YAMLs of task_configs/ from one table, so that they cannot drift apart.

    python tools/team_configs.py            write them
    python tools/team_configs.py --check    exit 1 if one differs from what would be written

Three policies on each task: DDPL, independent Gaussian PPO (rl_games shares one network between the
agents) and the same with a central critic, which sees all agents' observations.
"""

import sys
from dataclasses import dataclass

import yaml_files
from yaml_files import GAUSSIAN_HEAD


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
    shared: bool = True
    # DDPL's, where the tasks' trials differ
    kl: float = 0.05
    tilt: str = "0.5"
    value_epochs: int = 8
    rate: str = "2.0e-3"
    schedule: str = "linear"
    spread: float = 0.6

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
        kl=0.1,
        tilt="null",
        value_epochs=10,
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
        spread=0.3,
    ),
}

DDPL_HEAD = """\
  algo:
    name: ddpl
    proposals: 16               # K, of each agent at a state
    proposal_states: 0.25       # share of a rollout's states at which the policy is improved
    proposal_noise: 0.05        # added to each proposal: keeps a policy from narrowing for good
    kl_budget: {task.kl:<17}# nats an iteration, of each agent
    tilt_limit: {task.tilt:<16}# no state's proposals are tilted by more
    control_variate: 0.7
    value_epochs: {task.value_epochs}
    value_average: 0.8
    policy_epochs: 8
    policy_lr: 3.0e-3           # of the denoisers, falling as learning_rate does

  model:
    name: ddpl

  network:
    name: ddpl_actor_critic     # mlp is the critic's alone
    diffusion:                  # of every agent; the agents' names and sizes are the environment's
      steps: 20                 # T
      sampling_steps: 10        # of them, gone through to act
      units: [64, 64]
      activation: silu
      spread: {task.spread:<18}# of the actions at the start
      shared_weights: {task.shared}      # {why}
    action_value:
      units: [64, 64]
      activation: silu
"""

TRUNK = """\
    mlp:
      units: [128, 128]
      activation: elu
      initializer: {name: default}
"""

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

CENTRAL = """\
    central_value_config:
      minibatch_size: {minibatch}
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
        mlp:
          units: [128, 128]
          activation: elu
          initializer: {{name: default}}
"""


def header(title: str, task: Task) -> str:
    return f"# {title} on {task.title}. Written by tools/team_configs.py.\nparams:\n  seed: 5\n\n"


def config(name: str, task: Task, **values: object) -> str:
    frames = task.frames * task.epochs
    return CONFIG.format(name=name, task=task, frames=f"{frames:_}".replace("_", " "), **values)


def ddpl(stem: str, task: Task) -> str:
    why = "one denoiser for all agents, as the baselines share theirs"
    head = DDPL_HEAD.format(task=task, why=why)
    return (
        header("DDPL, reconstructed from its abstract,", task)
        + head
        + TRUNK
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
        + GAUSSIAN_HEAD.format(separate=False)
        + TRUNK
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
