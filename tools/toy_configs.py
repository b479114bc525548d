"""Writes the YAMLs of our own small environments, which need no simulator.

    python tools/toy_configs.py            write them
    python tools/toy_configs.py --check    exit 1 if one differs from what would be written

The two-agent game with a trap (rlg_genpo/envs/game.py) and the multi-goal point mass
(rlg_genpo/envs/multigoal.py).
"""

import sys
from textwrap import indent

import yaml_files
from yaml_files import gaussian_head, head, mlp, space

TITLE = """\
# {} ({}),
# which needs no simulator. Written by tools/toy_configs.py.
{}params:
  seed: {}

"""

CONFIG = """\

  config:
    name: {name}
    env_name: {env}
{options}\
    normalize_input: {normalize_input}
    normalize_value: True
    value_bootstrap: {bootstrap}
    reward_shaper:
      scale_value: 1
    normalize_advantage: True
    gamma: {gamma}
    tau: 0.95
    learning_rate: {rate}
    lr_schedule: {schedule}
    kl_threshold: 0.01
    grad_norm: 1.0
    entropy_coef: 0.0
    truncate_grads: True
    e_clip: 0.2
    clip_value: False
    bounds_loss_coef: 0.0
    num_actors: {envs}
    horizon_length: {horizon}
    minibatch_size: {minibatch}
    mini_epochs: {mini_epochs}
    critic_coef: 2
    max_epochs: {epochs}
    player:
      deterministic: {deterministic}
      use_vecenv: True
"""

GAME = {
    "env": "game",
    "options": "",
    "normalize_input": "False      # the observation is a constant",
    "bootstrap": False,
    "gamma": "0.99                 # every episode is one step",
    "envs": 512,
    "horizon": "1           # a game",
    "minibatch": 512,
    "mini_epochs": 4,
}
GAMES = {
    "ddpl": {
        "rate": "1.0e-2       # also of the denoisers",
        "schedule": "linear",
        "epochs": 50,
        "deterministic": "False      # the middle between two modes is in neither",
    },
    "ppo": {
        "options": "env_config:\n  joint: True               # each agent has its mean and sigma\n",
        "rate": "5.0e-3",
        "schedule": "constant",
        "epochs": 100,
        "deterministic": False,
    },
}
NOTE = """\
# All states are alike: half of them halve the cost. An epoch is one game long: the action values
# are not averaged. With silu the payoff stays at 0.4 for all 50 epochs (seed 2).
"""
GAME_DDPL = {
    "algo.proposal_noise": 0.02,
    "algo.proposal_states": 0.5,
    "algo.kl_budget": 0.2,
    "algo.control_variate": 0.0,
    "algo.policy_epochs": 10,
    "algo.value_epochs": 10,
    "algo.value_average": 0.0,
    "network.diffusion.activation": "relu",
    "network.diffusion.time_embedding": 4,
    "network.action_value.activation": "relu",
}

MULTIGOAL = {
    "env": "multigoal",
    "options": "env_config:\n  goals: 4\n  length: 24\n",
    "normalize_input": True,
    "bootstrap": True,
    "gamma": 0.95,
    "rate": "1.0e-3",
    "schedule": "adaptive",
    "envs": 128,
    "horizon": "24          # an episode",
    "minibatch": 768,
    "mini_epochs": 5,
    "epochs": 80,
    "deterministic": True,
}

LABELS = {"genpo": "GenPO", "cppo": "CPPO", "ddpl": "DDPL", "ppo": "Gaussian PPO"}
GAME_TITLE = "on the two-agent game with a trap", "rlg_genpo/envs/game.py", 1
MULTIGOAL_TITLE = "on the multi-goal point mass", "rlg_genpo/envs/multigoal.py", 5


def text(name: str, title: tuple[str, str, int], head: str, values: dict[str, object]) -> str:
    """One YAML file."""
    what, file, seed = title
    options = indent(str(values["options"]), "    ")
    note = NOTE if name == "game_ddpl" else ""
    start = TITLE.format(f"{LABELS[name.rpartition('_')[2]]} {what}", file, note, seed)
    return start + head + CONFIG.format(name=name, **{**values, "options": options})


def written() -> dict[str, str]:
    """File name to text."""
    small, wide = mlp([16]), mlp([64, 64])
    games = {
        "ddpl": head("ddpl", f"separate: False\n{small}", GAME_DDPL),
        "ppo": gaussian_head(small, separate=True, log_sigma="-0.5             # sigma 0.6"),
    }
    rest = f"separate: True\n{space()}{wide}"
    goals = {
        "genpo": head("genpo", rest),
        "cppo": head("cppo", rest),
        "ppo": gaussian_head(wide, separate=True),
    }
    files = {}
    for policy, block in games.items():
        values = {**GAME, **GAMES[policy]}
        files[f"game_{policy}.yaml"] = text(f"game_{policy}", GAME_TITLE, block, values)
    for policy, block in goals.items():
        name = f"multigoal_{policy}"
        files[f"{name}.yaml"] = text(name, MULTIGOAL_TITLE, block, MULTIGOAL)
    return files


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, yaml_files.TASK_CONFIGS, written(), "tools/toy_configs.py"))
