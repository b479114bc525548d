"""The text of tools/isaaclab_configs.py: the YAMLs' headers and blocks, to be formatted."""

from textwrap import indent

from yaml_files import mlp

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
{indent(mlp([512], "relu"), "    ")}\
{indent(LSTM, "    ")}\
      zero_rnn_on_done: False
"""

# One entry a line; each is wrapped. {file} is where Isaac Lab's own rl_games settings are from.
PAPER_HEADER = """\
GenPO on Isaac Lab's {task} with its paper's settings. Written by tools/isaaclab_configs.py.

The paper's table (arXiv 2505.18763; 4096 environments): the flow, the widths, learning_rate, \
gamma, tau, e_clip, grad_norm, kl_threshold, and the value coefficient 1.0, which is \
critic_coef: 2, since rl_games' loss has 0.5 * critic_coef. No bounds loss; no action is clipped.
Its released code: compression 'norm' over whole minibatches, min_lr, and a cross-entropy in the \
entropy's place, with the paper's coefficient (cross_entropy_coef).
Isaac Lab 2.3.2's rsl_rl config of the task, the released code being a fork of rsl_rl: \
horizon_length, mini_epochs, four minibatches, max_epochs, clip_value, the critic's activation.
Isaac Lab 2.3.2's {file}: the rest of env, normalize_*, value_bootstrap, reward_shaper, \
score_to_win, save_*.
Ours: the rate may not exceed its start (algo.max_lr), where the released code's may climb to \
1e-2: a flow starts almost at the identity, so its KL is small and the rate would climb at once. \
The KL that the schedule reads is to the policy after the pass before, as rl_games', by an \
estimate that is never negative; the released code's is to the rollout's.
"""

TRUNK_HEADER = """\
GenPO on Isaac Lab's own Gaussian for {task}: it starts as that Gaussian. Written by \
tools/isaaclab_configs.py.

{source}: everything but what follows.
Ours: algo, model, network.name and network.flow. minibatch_size_per_env: Isaac Lab's {minibatch} \
at the task's {envs} environments.
lr_schedule adaptive is rl_games' own, on an estimate of the pair's KL, from 1e-6 to 1e-2.
"""

CPPO_HEADER = """\
Conditional PPO on Isaac Lab's {task}: a reconstruction. Written by tools/isaaclab_configs.py.

{source}: everything but what follows.
The paper (arXiv 2603.04790; no code of it is public): flow and kernel, eight flow steps, \
regulariser_coef, an averaged reference, and a distillation in four minibatches an epoch.
Ours: the Gaussian that flow and kernel stand on, so that the policy starts as that Gaussian; the \
kernel's contraction, the regulariser's form, ema, distill_lr and distill_epochs, and the widths \
and activation of flow and kernel, which are {widths}. minibatch_size_per_env: Isaac Lab's \
{minibatch} at the task's {envs} environments.
lr_schedule adaptive is rl_games' own, on the kernel's Gaussian KL, from 1e-6 to 1e-2.
"""

DDPL_HEADER = """\
DDPL, one diffusion policy per agent, on Isaac Lab's {task}. DDPL, reconstructed from the \
abstract; untried inside Isaac Sim. Written by tools/isaaclab_configs.py.

Isaac Lab 2.3.2's {file}: everything but what follows; mlp is the critic's alone, which sees all \
agents' observations in training.
The paper's abstract (arXiv 2605.07101; no code of it is public): a denoising diffusion policy per \
agent, on its own observation.
Ours: algo, the widths and the schedule of diffusion and action_value, with the values of our VMAS \
configurations, and lr_schedule linear, \
since adaptive measures a KL and such a policy has no likelihood. So kl_threshold, schedule_type, \
entropy_coef and bounds_loss_coef mean nothing here; e_clip is the critic's alone. \
minibatch_size_per_env: Isaac Lab's {minibatch} at the task's {envs} \
environments.
agents: in Isaac Lab's possible_agents order, with the sizes of its env cfg; compared with the \
environment at a run's start. Without the block they are read from it.
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
    lr_schedule: {rule}
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
