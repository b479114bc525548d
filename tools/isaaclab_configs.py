"""Writes the YAMLs of task_configs/isaaclab/ from one table, so that they cannot drift apart.

    python tools/isaaclab_configs.py            write them
    python tools/isaaclab_configs.py --check    exit 1 if one differs from what would be written

Three kinds of file, each saying in its header which number is from where:

PAPERS     GenPO with its paper's settings; what the paper leaves open is the task's rsl_rl config's
           (the released code is a fork of rsl_rl), and what belongs to the interface is the task's
           own rl_games YAML's, or Anymal-C's where it has none.
TRUNKS     Isaac Lab's own rl_games settings, with GenPO's head on their trunk.
BASELINES  Gaussian PPO for the tasks without an rl_games YAML: their rsl_rl config, translated.

Isaac Lab's numbers were read in its 2.3.2. Numbers have a point (1.0e-3), or YAML 1.1 would read
text.
"""

import sys
from dataclasses import dataclass
from textwrap import fill, indent

import yaml_files

from rlg_genpo.isaaclab_tasks import BASELINES, TASKS

FOLDER = yaml_files.TASK_CONFIGS / "isaaclab"


@dataclass(frozen=True)
class Stock:
    """What every file of a task keeps of an rl_games YAML of Isaac Lab."""

    file: str
    reward_scale: float
    clip_observations: float | None = None
    clip_actions: float = 1.0
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
    bounds: str = "0.0"
    schedule: str = "legacy"


@dataclass(frozen=True)
class Paper:
    """A column of the paper's table, and what it leaves open."""

    stock: Stock
    units: str
    training: Training
    time: tuple[int, str] = (32, "[256, 256]")
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OnTrunk:
    """A task's own rl_games settings, our head on its trunk."""

    stock: Stock
    trunk: str
    training: Training
    envs: int  # the task's default, for which Isaac Lab chose its minibatch
    minibatch: int
    central: str = ""
    notes: tuple[str, ...] = ()


MLP = """\
mlp:
  units: {units}
  activation: {activation}
  initializer: {{name: default}}
"""

CNN = """\
cnn:
  type: conv2d
  activation: relu
  initializer: {name: default}
  convs:
    - {filters: 32, kernel_size: 8, strides: 4, padding: 0}
    - {filters: 64, kernel_size: 4, strides: 2, padding: 0}
    - {filters: 64, kernel_size: 3, strides: 1, padding: 0}
"""

LSTM = """\
rnn:
  name: lstm
  units: 1024
  layers: 1
  before_mlp: True
  layer_norm: True
"""

CENTRAL = f"""\
central_value_config:       # the critic sees the full state
  minibatch_size_per_env: 4
  mini_epochs: 4
  learning_rate: 1.0e-4
  kl_threshold: 0.016
  clip_value: True
  normalize_input: True
  truncate_grads: True
  network:
    name: actor_critic
    central_value: True
{indent(MLP.format(units="[512]", activation="relu"), "    ")}\
{indent(LSTM, "    ")}\
      zero_rnn_on_done: False
"""


def mlp(units: str, activation: str = "elu") -> str:
    return MLP.format(units=units, activation=activation)


CLASSIC, LOCOMOTION = "manager_based/classic", "manager_based/locomotion/velocity/config"
ANYMAL_C = dict(reward_scale=0.6, normalize_input=False)
FLAT = Stock(f"{LOCOMOTION}/anymal_c/agents/rl_games_flat_ppo_cfg.yaml", **ANYMAL_C)
ROUGH = Stock(f"{LOCOMOTION}/anymal_c/agents/rl_games_rough_ppo_cfg.yaml", **ANYMAL_C)
SHADOW = "direct/shadow_hand/agents/rl_games_ppo{}_cfg.yaml"
SHADOW_ENV = dict(reward_scale=0.01, clip_observations=5.0, score_to_win=100000, save_frequency=200)
CARTPOLE_ENV = dict(
    clip_observations=5.0, value_bootstrap=False, save_best_after=50, save_frequency=25
)


def paper_training(
    rate: str, entropy: float, horizon: int, epochs: int, gamma: float = 0.99
) -> Training:
    """The paper's common settings; five mini-epochs of four minibatches in every rsl_rl config."""
    return Training(rate, horizon, 4, 5, critic_coef=2, epochs=epochs, entropy=entropy, gamma=gamma)


PAPERS = {
    "ant": Paper(
        Stock(f"{CLASSIC}/ant/agents/rl_games_ppo_cfg.yaml", 0.6),
        "[400, 200, 100]",
        paper_training("1.0e-3", 0.01, 32, 1000),
        notes=("mix: the paper's 0.9; the released config of this task has 0.95.",),
    ),
    "humanoid": Paper(
        Stock(f"{CLASSIC}/humanoid/agents/rl_games_ppo_cfg.yaml", 1.0, save_frequency=100),
        "[400, 200, 100]",
        paper_training("5.0e-4", 0.01, 32, 1000),
    ),
    "lift_cube_franka": Paper(
        Stock(
            "manager_based/manipulation/lift/config/franka/agents/rl_games_ppo_cfg.yaml",
            0.01,
            clip_observations=100.0,
            clip_actions=100.0,
            rescale_actions=False,
            value_bootstrap=False,
            score_to_win=100000000,
        ),
        "[256, 128, 64]",
        paper_training("1.0e-4", 0.006, 24, 1500, gamma=0.98),
        notes=(
            "value_bootstrap: False as in that YAML; rsl_rl bootstraps at every time limit.",
        ),
    ),
    "quadcopter_direct": Paper(
        Stock("direct/quadcopter/agents/rl_games_ppo_cfg.yaml", 0.01, save_frequency=25),
        "[64, 64]",
        paper_training("5.0e-4", 0.01, 24, 200),
        time=(16, "[128, 128]"),
    ),
    "velocity_flat_anymal_d": Paper(
        FLAT, "[128, 128, 128]", paper_training("1.0e-3", 0.005, 24, 300)
    ),
    "velocity_rough_unitree_go2": Paper(
        ROUGH, "[512, 256, 128]", paper_training("1.0e-3", 0.01, 24, 1500)
    ),
    "velocity_rough_h1": Paper(
        ROUGH, "[512, 256, 128]", paper_training("1.0e-3", 0.01, 24, 3000)
    ),
    "repose_cube_shadow_direct": Paper(
        Stock(SHADOW.format(""), **SHADOW_ENV),
        "[512, 512, 256, 128]",
        paper_training("5.0e-4", 0.005, 16, 10000),
        notes=("The task's own default is 8192 environments; the paper's: --num_envs 4096.",),
    ),
}  # fmt: skip

TRUNKS = {
    "ant_direct": OnTrunk(
        Stock("direct/ant/agents/rl_games_ppo_cfg.yaml", 0.6, mixed_precision=True),
        mlp("[256, 128, 64]"),
        Training("3.0e-4", 16, 2, 4, 2, 500, kl=0.008, bounds="1.0e-4"),
        4096,
        32768,
    ),
    "humanoid_direct": OnTrunk(
        Stock("direct/humanoid/agents/rl_games_ppo_cfg.yaml", 0.01, mixed_precision=True),
        mlp("[400, 200, 100]"),
        Training("5.0e-4", 32, 4, 5, 4, 1000, kl=0.008, bounds="1.0e-4"),
        4096,
        32768,
    ),
    "cartpole": OnTrunk(
        Stock(
            f"{CLASSIC}/cartpole/agents/rl_games_ppo_cfg.yaml",
            1.0,
            normalize_input=False,
            normalize_value=False,
            normalize_advantage=False,
            **CARTPOLE_ENV,
        ),
        mlp("[32, 32]"),
        Training("3.0e-4", 16, 8, 8, 4, 150, kl=0.008, bounds="1.0e-4"),
        4096,
        8192,
    ),
    "cartpole_direct": OnTrunk(
        Stock("direct/cartpole/agents/rl_games_ppo_cfg.yaml", 0.1, **CARTPOLE_ENV),
        mlp("[32, 32]"),
        Training("5.0e-4", 32, 8, 8, 4, 150, kl=0.008, bounds="1.0e-4"),
        4096,
        16384,
    ),
    "cartpole_rgb_camera_direct": OnTrunk(
        Stock(
            "direct/cartpole/agents/rl_games_camera_ppo_cfg.yaml",
            1.0,
            normalize_input=False,
            **CARTPOLE_ENV,
        ),
        CNN + mlp("[512]"),
        Training("1.0e-4", 64, 16, 4, 2, 500, kl=0.008, bounds="1.0e-4"),
        512,
        2048,
        notes=("Isaac Lab's train.py wants --enable_cameras for this task.",),
    ),
    "repose_cube_shadow_openai_lstm_direct": OnTrunk(
        Stock(SHADOW.format("_lstm"), value_bootstrap=False, **SHADOW_ENV),
        mlp("[512]", "relu") + LSTM,
        Training(
            "1.0e-4", 16, 8, 4, 4, 10000, kl=0.016, gamma=0.998, bounds="1.0e-4",
            schedule="standard",
        ),
        8192,
        16384,
        central=CENTRAL,
        notes=("num_envs must be even: a minibatch holds whole sequences of 4 steps.",),
    ),
}  # fmt: skip

# One entry a line; each is wrapped. {file} is where Isaac Lab's own rl_games settings are from.
PAPER_HEADER = """\
GenPO on {task} (Isaac Lab) with its paper's settings. Written by tools/isaaclab_configs.py.

The paper's table (arXiv 2505.18763; 4096 environments): the flow, the widths, learning_rate, \
gamma, tau, e_clip, grad_norm, entropy_coef, kl_threshold, and the value coefficient 1.0, which is \
critic_coef: 2, since rl_games' loss has 0.5 * critic_coef. No bounds loss.
Its released code: compression 'norm' over whole minibatches, min_lr.
Isaac Lab 2.3.2's rsl_rl config of the task, the released code being a fork of rsl_rl: \
horizon_length, mini_epochs, four minibatches, max_epochs, clip_value, the critic's activation.
Isaac Lab 2.3.2's {file}: env, normalize_*, value_bootstrap, reward_shaper, score_to_win, save_*, \
clip_actions.
Ours: the rate may not exceed its start (algo.max_lr), where the released code's may climb to \
1e-2: a flow starts almost at the identity, so its KL is small and the rate would climb at once. \
It is decided once an epoch, on a KL estimate that is never negative (algo.kl_estimator).
"""

TRUNK_HEADER = """\
GenPO's head on Isaac Lab's own trunk for {task}. Written by tools/isaaclab_configs.py.

Isaac Lab 2.3.2's {file}: everything but what follows.
Ours: algo, model, network.name, and network.flow where the Gaussian had network.space. The rate \
may not exceed its start (algo.max_lr), where rl_games' own adaptive rate may climb to 1e-2. The \
bounds loss falls on fresh samples. minibatch_size_per_env: Isaac Lab's {minibatch} at the task's \
{envs} environments.
"""

BASELINE_HEADER = """\
Gaussian PPO on {task}, for which Isaac Lab ships no rl_games config. Written by \
tools/isaaclab_configs.py.

Isaac Lab 2.3.2's rsl_rl config of the task, translated: separate actor and critic, their widths \
and activation, init_noise_std 1.0 (sigma_init: log 1.0 = 0), value_loss_coef 1.0 (critic_coef: 2, \
since rl_games' loss has 0.5 * critic_coef), clipped value loss, learning_rate, adaptive at every \
minibatch, kl_threshold, entropy_coef, gamma, tau, e_clip, grad_norm, horizon_length, mini_epochs, \
four minibatches, max_epochs, float32.
Isaac Lab 2.3.2's {file}: env, normalize_*, value_bootstrap, reward_shaper, score_to_win, save_*, \
clip_actions.
Unlike rsl_rl: actions are clipped, values are normalised and rewards scaled, as in that YAML; the \
adaptive rate may fall to rl_games' 1e-6, not 1e-5.
"""

CLOSING = """\
minibatch_size_per_env keeps the number of minibatches whatever --num_envs is.
torch_compile: False as in rl_games 1.6.1, which Isaac Lab pins and which cannot compile. 1.6.5 \
and 2.0 would by default; that works, and cost us two minutes at a run's start on a CPU. What it \
brings on a GPU we have not measured.
We have not run this file inside Isaac Sim, nor on a GPU.
"""

PAPER_ALGO = """\
  algo:
    name: genpo
    compression_coef: 0.01      # nu
    compression: norm           # of x - y, as in the released code
    compression_fraction: 1.0   # of each minibatch, drawn afresh for the compression loss
    min_lr: 1.0e-5              # of lr_schedule adaptive; its max_lr is config.learning_rate

  model:
    name: genpo

  network:
    name: genpo_actor_critic
    separate: False
    flow:
      steps: 5                  # N
      mix: 0.9                  # p
      condition: observation    # the velocity sees the observation; mlp is the critic's alone
      units: {units}
      activation: mish
      time_embedding: {embedding}
      time_units: {time_units}
"""

TRUNK_ALGO = yaml_files.GENPO_HEAD.format(separate=False, velocity_units="[64, 64]")

CONFIG = """\

  load_checkpoint: False
  load_path: ''

  config:
    name: {name}
    env_name: rlgpu
    device: 'cuda:0'            # of training
    device_name: 'cuda:0'       # of playing
    multi_gpu: False
    ppo: True
    mixed_precision: {stock.mixed_precision}
    torch_compile: False
    normalize_input: {stock.normalize_input}
    normalize_value: {stock.normalize_value}
    value_bootstrap: {stock.value_bootstrap}
    num_actors: -1              # train.py puts --num_envs here
    reward_shaper:
      scale_value: {stock.reward_scale}
    normalize_advantage: {stock.normalize_advantage}
    gamma: {training.gamma}
    tau: 0.95
    learning_rate: {training.rate}
    lr_schedule: adaptive
    schedule_type: {training.schedule}
    kl_threshold: {training.kl}
    score_to_win: {stock.score_to_win}
    max_epochs: {training.epochs}
    save_best_after: {stock.save_best_after}
    save_frequency: {stock.save_frequency}
    grad_norm: 1.0
    entropy_coef: {training.entropy}
    truncate_grads: True
    e_clip: 0.2
    horizon_length: {training.horizon}
    minibatch_size_per_env: {per_env}   # {training.minibatches} minibatches
    mini_epochs: {training.mini_epochs}
    critic_coef: {training.critic_coef}
    clip_value: True
    clip_actions: {stock.rescale_actions}
    seq_length: 4
    bounds_loss_coef: {training.bounds}
{central}\
    player:
      deterministic: True
"""


def task_id(stem: str) -> str:
    return f"{TASKS[stem][0]}-v0"


def document(header: str, head: str, trunk: str, config: str) -> str:
    """A whole file."""
    return f"{header}params:\n  seed: 42\n\n{head}{indent(trunk, '    ')}{config}"


def env(stock: Stock) -> str:
    """What Isaac Lab's wrapper reads; a key left out means no clipping."""
    lines = ["  env:"]
    if stock.clip_observations is not None:
        lines.append(f"    clip_observations: {stock.clip_observations}")
    lines.append(f"    clip_actions: {stock.clip_actions}")
    return "\n".join(lines) + "\n\n"


def config(name: str, stock: Stock, training: Training, central: str = "") -> str:
    return CONFIG.format(
        name=name,
        stock=stock,
        training=training,
        per_env=training.horizon // training.minibatches,
        central=indent(central, "    "),
    )


def header(text: str, stem: str, stock: Stock, notes: tuple[str, ...] = (), **values: int) -> str:
    """The comment at a file's top."""
    file = stock.file
    if "anymal_c" in file:
        file += " (the task has none of its own)"
    filled = text.format(task=task_id(stem), file=file, **values)
    entries = [*filled.splitlines(), *notes, *CLOSING.splitlines()]
    return "".join(comment(entry) for entry in entries)


def comment(entry: str) -> str:
    if not entry:
        return "#\n"
    first, rest = "# ", "#   "
    return fill(entry, 100, initial_indent=first, subsequent_indent=rest) + "\n"


def paper(stem: str, task: Paper) -> str:
    embedding, time_units = task.time
    head = PAPER_ALGO.format(units=task.units, embedding=embedding, time_units=time_units)
    return document(
        header(PAPER_HEADER, stem, task.stock, task.notes),
        env(task.stock) + head,
        mlp(task.units),
        config(f"{stem}_genpo", task.stock, task.training),
    )


def on_trunk(stem: str, task: OnTrunk) -> str:
    sizes = {"minibatch": task.minibatch, "envs": task.envs}
    return document(
        header(TRUNK_HEADER, stem, task.stock, task.notes, **sizes),
        env(task.stock) + TRUNK_ALGO,
        task.trunk,
        config(f"{stem}_genpo", task.stock, task.training, task.central),
    )


def baseline(stem: str) -> str:
    task = PAPERS[stem]
    return document(
        header(BASELINE_HEADER, stem, task.stock),
        env(task.stock) + yaml_files.GAUSSIAN_HEAD.format(separate=True),
        mlp(task.units),
        config(f"{stem}_ppo", task.stock, task.training),
    )


def written() -> dict[str, str]:
    """File name to text."""
    return {
        **{f"{stem}_genpo.yaml": paper(stem, task) for stem, task in PAPERS.items()},
        **{f"{stem}_genpo.yaml": on_trunk(stem, task) for stem, task in TRUNKS.items()},
        **{f"{stem}_ppo.yaml": baseline(stem) for stem in BASELINES},
    }


if __name__ == "__main__":
    sys.exit(yaml_files.run(__doc__, FOLDER, written(), "tools/isaaclab_configs.py"))
