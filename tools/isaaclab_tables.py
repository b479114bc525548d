"""Isaac Lab's tasks as numbers: what tools/isaaclab_configs.py writes into the YAMLs.

SHIPPED      a task's own rl_games settings, as Isaac Lab has them.
TRANSLATED   the same for the tasks without an rl_games YAML: their rsl_rl config.
PAPERS       GenPO's settings for the tasks of its paper, and what the paper leaves open.

Isaac Lab's numbers were read in its 2.3.2. Numbers have a point (1.0e-3), or YAML 1.1 would read
text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Stock:
    """What every file of a task keeps of an rl_games YAML of Isaac Lab."""

    file: str
    reward_scale: float
    clip_observations: float | None = None
    clip_actions: float | None = 1.0  # None: no clipping
    rescale_actions: bool = True  # config.clip_actions
    mixed_precision: bool = False
    normalize_input: bool = True
    normalize_value: bool = True
    normalize_advantage: bool = True
    value_bootstrap: bool = True
    score_to_win: int = 20000
    save_best_after: int = 100
    save_frequency: int = 50


@dataclass(frozen=True)
class Training:
    """The numbers of PPO itself."""

    rate: str
    horizon: int
    minibatches: int
    mini_epochs: int
    critic_coef: int
    epochs: int
    kl: float = 0.01
    entropy: float = 0.0
    gamma: float = 0.99
    bounds: str = "1.0e-4"
    schedule: str = "legacy"


@dataclass(frozen=True)
class Network:
    """rl_games' trunk: an MLP, behind a CNN or an LSTM where one is named."""

    units: Sequence[int]
    activation: str = "elu"
    front: str | None = None  # cnn or lstm
    asymmetric: bool = False  # a critic of its own, on the full state


@dataclass(frozen=True)
class Task:
    """A task's rl_games settings."""

    stock: Stock
    network: Network
    training: Training
    envs: int = 4096  # the task's default
    notes: tuple[str, ...] = ()
    agents: tuple[tuple[str, int, int], ...] = ()  # name, O_i, D_i, where there are several
    denoiser: Sequence[int] = ()  # widths of each agent's

    @property
    def minibatch(self) -> int:
        """Isaac Lab's minibatch, chosen for the task's default number of environments."""
        return self.envs * self.training.horizon // self.training.minibatches


@dataclass(frozen=True)
class Paper:
    """A column of GenPO's table, and what it leaves open."""

    units: Sequence[int]
    training: Training
    flow: Mapping[str, Any] = field(default_factory=dict)  # what differs from the other columns
    notes: tuple[str, ...] = ()


def rsl_rl(rate: str, entropy: float, horizon: int, epochs: int, gamma: float = 0.99) -> Training:
    """An rsl_rl config; the rest is the same in all of them."""
    return Training(rate, horizon, 4, 5, 2, epochs, entropy=entropy, gamma=gamma, bounds="0.0")


CLASSIC, LOCOMOTION = "manager_based/classic", "manager_based/locomotion/velocity/config"
ANYMAL_C = dict(reward_scale=0.6, normalize_input=False)
FLAT = Stock(f"{LOCOMOTION}/anymal_c/agents/rl_games_flat_ppo_cfg.yaml", **ANYMAL_C)
ROUGH = Stock(f"{LOCOMOTION}/anymal_c/agents/rl_games_rough_ppo_cfg.yaml", **ANYMAL_C)
FRANKA_ENV = dict(clip_observations=100.0, clip_actions=100.0, rescale_actions=False)
SHADOW = "direct/shadow_hand/agents/rl_games_ppo{}_cfg.yaml"
SHADOW_ENV = dict(reward_scale=0.01, clip_observations=5.0, score_to_win=100000, save_frequency=200)
CARTPOLE_ENV = dict(
    clip_observations=5.0, value_bootstrap=False, save_best_after=50, save_frequency=25
)

SHIPPED = {
    "ant": Task(
        Stock(f"{CLASSIC}/ant/agents/rl_games_ppo_cfg.yaml", 0.6, mixed_precision=True),
        Network([256, 128, 64]),
        Training("3.0e-4", 16, 2, 4, 2, 500, kl=0.008),
    ),
    "humanoid": Task(
        Stock(f"{CLASSIC}/humanoid/agents/rl_games_ppo_cfg.yaml", 1.0, save_frequency=100),
        Network([400, 200, 100]),
        Training("5.0e-4", 32, 4, 5, 4, 1000),
    ),
    "lift_cube_franka": Task(
        Stock(
            "manager_based/manipulation/lift/config/franka/agents/rl_games_ppo_cfg.yaml",
            0.01,
            value_bootstrap=False,
            score_to_win=100000000,
            **FRANKA_ENV,
        ),
        Network([256, 128, 64]),
        Training("1.0e-4", 24, 4, 8, 4, 1500, entropy=0.001),
    ),
    "quadcopter_direct": Task(
        Stock("direct/quadcopter/agents/rl_games_ppo_cfg.yaml", 0.01, save_frequency=25),
        Network([64, 64]),
        Training("5.0e-4", 24, 4, 5, 2, 200, kl=0.016),
    ),
    "repose_cube_shadow_direct": Task(
        Stock(SHADOW.format(""), **SHADOW_ENV),
        Network([512, 512, 256, 128]),
        Training("5.0e-4", 16, 4, 5, 4, 5000, kl=0.016, schedule="standard"),
        8192,
    ),
    "ant_direct": Task(
        Stock("direct/ant/agents/rl_games_ppo_cfg.yaml", 0.6, mixed_precision=True),
        Network([256, 128, 64]),
        Training("3.0e-4", 16, 2, 4, 2, 500, kl=0.008),
    ),
    "humanoid_direct": Task(
        Stock("direct/humanoid/agents/rl_games_ppo_cfg.yaml", 0.01, mixed_precision=True),
        Network([400, 200, 100]),
        Training("5.0e-4", 32, 4, 5, 4, 1000, kl=0.008),
    ),
    "cartpole": Task(
        Stock(
            f"{CLASSIC}/cartpole/agents/rl_games_ppo_cfg.yaml",
            1.0,
            normalize_input=False,
            normalize_value=False,
            normalize_advantage=False,
            **CARTPOLE_ENV,
        ),
        Network([32, 32]),
        Training("3.0e-4", 16, 8, 8, 4, 150, kl=0.008),
    ),
    "cartpole_direct": Task(
        Stock("direct/cartpole/agents/rl_games_ppo_cfg.yaml", 0.1, **CARTPOLE_ENV),
        Network([32, 32]),
        Training("5.0e-4", 32, 8, 8, 4, 150, kl=0.008),
    ),
    "cartpole_rgb_camera_direct": Task(
        Stock(
            "direct/cartpole/agents/rl_games_camera_ppo_cfg.yaml",
            1.0,
            normalize_input=False,
            **CARTPOLE_ENV,
        ),
        Network([512], front="cnn"),
        Training("1.0e-4", 64, 16, 4, 2, 500, kl=0.008),
        512,
        notes=("Isaac Lab's train.py wants --enable_cameras for this task.",),
    ),
    "repose_cube_shadow_openai_lstm_direct": Task(
        Stock(SHADOW.format("_lstm"), value_bootstrap=False, **SHADOW_ENV),
        Network([512], "relu", front="lstm", asymmetric=True),
        Training("1.0e-4", 16, 8, 4, 4, 10000, kl=0.016, gamma=0.998, schedule="standard"),
        8192,
        notes=("num_envs must be even: a minibatch holds whole sequences of 4 steps.",),
    ),
    "cart_double_pendulum_direct": Task(
        Stock("direct/cart_double_pendulum/agents/rl_games_ppo_cfg.yaml", 0.1, **CARTPOLE_ENV),
        Network([32, 32]),
        Training("5.0e-4", 32, 8, 8, 4, 150, kl=0.008),
        notes=("The agents' rewards differ; Isaac Lab sums them, which makes them a team.",),
        agents=(("cart", 4, 1), ("pendulum", 3, 1)),
        denoiser=[64, 64],
    ),
    "shadow_hand_over_direct": Task(
        Stock("direct/shadow_hand_over/agents/rl_games_ppo_cfg.yaml", **SHADOW_ENV),
        Network([512, 512, 256, 128]),
        Training("5.0e-4", 16, 1, 5, 4, 5000, kl=0.016, schedule="standard"),
        2048,
        notes=("Both agents get the same reward, so that Isaac Lab's sum is twice it.",),
        agents=(("right_hand", 157, 20), ("left_hand", 157, 20)),
        denoiser=[256, 256],
    ),
}  # fmt: skip

TRANSLATED = {
    "velocity_flat_anymal_d": Task(
        FLAT, Network([128, 128, 128]), rsl_rl("1.0e-3", 0.005, 24, 300)
    ),
    "velocity_rough_unitree_go2": Task(
        ROUGH, Network([512, 256, 128]), rsl_rl("1.0e-3", 0.01, 24, 1500)
    ),
    "velocity_rough_h1": Task(
        ROUGH, Network([512, 256, 128]), rsl_rl("1.0e-3", 0.01, 24, 3000)
    ),
}  # fmt: skip

PAPERS = {
    "ant": Paper(
        [400, 200, 100],
        rsl_rl("1.0e-3", 0.01, 32, 1000),
        notes=("mix: the paper's 0.9; the released config of this task has 0.95.",),
    ),
    "humanoid": Paper([400, 200, 100], rsl_rl("5.0e-4", 0.01, 32, 1000)),
    "lift_cube_franka": Paper(
        [256, 128, 64],
        rsl_rl("1.0e-4", 0.006, 24, 1500, gamma=0.98),
        notes=(
            "value_bootstrap: False as in that YAML; rsl_rl bootstraps at every time limit.",
        ),
    ),
    "quadcopter_direct": Paper(
        [64, 64],
        rsl_rl("5.0e-4", 0.01, 24, 200),
        flow={"network.flow.time_embedding": 16, "network.flow.time_units": [128, 128]},
    ),
    "repose_cube_shadow_direct": Paper(
        [512, 512, 256, 128],
        rsl_rl("5.0e-4", 0.005, 16, 10000),
        notes=("The task's own default is 8192 environments; the paper's: --num_envs 4096.",),
    ),
    # The paper's numbers are those of the task's rsl_rl config.
    **{stem: Paper(task.network.units, task.training) for stem, task in TRANSLATED.items()},
}  # fmt: skip
