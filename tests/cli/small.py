"""A run of half a second: GenPO on a point among goals, 64 frames an epoch."""

import json
from pathlib import Path

import torch

from rlg_genpo import cli

EPOCH = 64
TEXT = """
params:
  seed: 3
  algo: {name: genpo}
  model: {name: genpo}
  network:
    name: genpo_actor_critic
    separate: False
    flow: {steps: 2, units: [16], time_embedding: 4, time_units: [8]}
    mlp: {units: [16], activation: elu, initializer: {name: default}}
  config:
    name: small
    env_name: multigoal
    env_config: {goals: 4, length: 8}
    normalize_input: True
    normalize_value: True
    normalize_advantage: True
    reward_shaper: {scale_value: 1}
    gamma: 0.95
    tau: 0.95
    learning_rate: 1e-3
    lr_schedule: constant
    grad_norm: 1.0
    truncate_grads: True
    entropy_coef: 0.0
    e_clip: 0.2
    clip_value: False
    critic_coef: 2
    bounds_loss_coef: 0.0
    num_actors: 8
    horizon_length: 8
    minibatch_size: 32
    mini_epochs: 1
    max_epochs: 4
"""


def written(folder: Path) -> Path:
    """The configuration as a file."""
    path = folder / "small.yaml"
    path.write_text(TEXT)
    return path


def train(*words: object) -> int:
    return cli.main(["train", *map(str, words)])


def state_of(path: Path) -> dict:
    """Of a checkpoint, or of a run's last one."""
    path = path if path.is_file() else path / "nn" / "last.pth"
    return torch.load(path, weights_only=False)


def facts_of(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())
