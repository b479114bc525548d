"""Settings, agents, players and training runs on the point mass."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rl_games.common.algo_observer import DefaultAlgoObserver
from rl_games.torch_runner import Runner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rlg_genpo.algorithm import algorithms, load
from rlg_genpo.common.agent import Agent
from rlg_genpo.common.messages import Minibatch
from rlg_genpo.common.player import Player
from rlg_genpo.common.ppo import PPOAgent
from tests import point_mass

#: as an override's value: take the key away
ABSENT = object()

INITIALIZER = {"name": "default"}
MLP = {"units": [16, 16], "activation": "elu", "initializer": INITIALIZER}
CNN = {
    "type": "conv2d",
    "activation": "relu",
    "initializer": INITIALIZER,
    "convs": [{"filters": 4, "kernel_size": 3, "strides": 2, "padding": 0}],
}
LSTM = {"name": "lstm", "units": 16, "layers": 1}
CENTRAL_VALUE = {
    "minibatch_size": 64,
    "mini_epochs": 2,
    "learning_rate": 1e-3,
    "clip_value": False,
    "normalize_input": True,
    "network": {"name": "actor_critic", "central_value": True, "mlp": MLP},
}

BASE = {
    "seed": 3,
    "torch_threads": 1,
    "algo": {"name": "genpo"},
    "model": {"name": "genpo"},
    "network": {
        "name": "genpo_actor_critic",
        "separate": False,
        "mlp": MLP,
        "flow": {"steps": 3, "units": [16], "time_embedding": 4, "time_units": [8]},
    },
    "config": {
        "name": "point_mass",
        "env_name": point_mass.NAME,
        "env_config": {},
        "device": "cpu",
        "device_name": "cpu",
        "normalize_input": True,
        "normalize_value": True,
        "normalize_advantage": True,
        "reward_shaper": {"scale_value": 1.0},
        "gamma": 0.9,
        "tau": 0.95,
        "learning_rate": 1e-3,
        "lr_schedule": "constant",
        "kl_threshold": 0.02,
        "grad_norm": 1.0,
        "truncate_grads": True,
        "entropy_coef": 0.0,
        "e_clip": 0.2,
        "clip_value": False,
        "num_actors": 16,
        "horizon_length": 8,
        "minibatch_size": 64,
        "mini_epochs": 2,
        "critic_coef": 2.0,
        "bounds_loss_coef": 0.0,
        "max_epochs": 2,
        "torch_compile": False,
        "player": {"use_vecenv": True},
    },
}

#: overrides that put CPPO in GenPO's place; its head sees the observation unless told otherwise
CPPO = {
    "algo": {"name": "cppo", "distill_epochs": 3},
    "model.name": "cppo",
    "network.name": "cppo_actor_critic",
    "network.residual": {"units": [16]},
}
#: and this puts it on the trunk
ON_FEATURES = {"network.flow.condition": "features"}
#: what a flow stands on: the default, and the paper's
STANDARD = {"network.flow.base": "standard"}
BASES = {"gaussian": {}, "standard": STANDARD}


def gaussian(log_sigma: float) -> dict[str, Any]:
    """Overrides that put rl_games' own Gaussian in the policy's place."""
    space = {
        "mu_activation": "None",
        "sigma_activation": "None",
        "mu_init": {"name": "default"},
        "sigma_init": {"name": "const_initializer", "val": log_sigma},
        "fixed_sigma": True,
    }
    return {
        "algo": {"name": "a2c_continuous"},
        "model": {"name": "continuous_a2c_logstd"},
        "network": {
            "name": "actor_critic",
            "separate": False,
            "space": {"continuous": space},
            "mlp": MLP,
        },
    }


@dataclass(frozen=True)
class Step:
    """One gradient step as the KL-adaptive schedule sees it."""

    epoch: int
    rate: float
    log_ratio: torch.Tensor  # (B,), before the step
    kl: torch.Tensor  # (B,), what the schedule reads


@dataclass
class Run(DefaultAlgoObserver):
    """A training run and what was seen of it."""

    steps: list[Step] = field(default_factory=list)
    masks: list[Any] = field(default_factory=list)  # (B,) or None, as the losses saw them

    def after_init(self, algo: Agent) -> None:
        super().after_init(algo)
        self.agent = algo
        self.start = {name: value.clone() for name, value in algo.model.named_parameters()}
        if isinstance(algo, PPOAgent):
            self.measure, self.losses = algo.schedule_kl, algo.policy_losses
            algo.schedule_kl, algo.policy_losses = self._seen, self._masked

    def _seen(self, batch: Minibatch, result: Any) -> torch.Tensor:
        rate, kl = self.agent.optimizer.param_groups[0]["lr"], self.measure(batch, result)
        log_ratio = (batch.old_neglogp - result.density.neglogp).detach()
        self.steps.append(Step(self.agent.epoch_num, rate, log_ratio, kl))
        return kl

    def _masked(self, batch: Minibatch, result: Any) -> Any:
        self.masks.append(batch.mask)
        return self.losses(batch, result)

    def first_log_ratios(self) -> list[torch.Tensor]:
        """The log-ratios of each epoch's first minibatch, before the epoch's first step."""
        epochs = sorted({step.epoch for step in self.steps})
        return [next(s.log_ratio for s in self.steps if s.epoch == epoch) for epoch in epochs]

    def rates(self, epoch: int) -> list[float]:
        return [step.rate for step in self.steps if step.epoch == epoch]

    def unmoved(self) -> list[str]:
        """Names of parameters that training left exactly where they were, or made non-finite."""
        now = {
            name.removeprefix("_orig_mod."): value
            for name, value in self.agent.model.named_parameters()
        }
        return [
            name
            for name, start in self.start.items()
            if torch.equal(start, now[name]) or not now[name].isfinite().all()
        ]

    def checkpoint(self) -> str:
        (path,) = Path(self.agent.nn_dir).glob("last_*.pth")
        return str(path)

    def scalars(self) -> dict[str, list[float]]:
        """The TensorBoard scalars by tag."""
        self.agent.writer.flush()
        events = EventAccumulator(self.agent.summaries_dir).Reload()
        return {
            tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
        }


class Rig:
    """Overrides are keyed by dotted paths below ``params``.

    Args:
        folder: where runs are written.
        common: overrides of every call, before its own.
    """

    def __init__(self, folder: Path, common: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.common = common or {}

    def settings(self, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
        params = copy.deepcopy(BASE)
        params["config"]["train_dir"] = str(self.folder)
        for path, value in (*self.common.items(), *(overrides or {}).items()):
            *blocks, key = path.split(".")
            block = params
            for name in blocks:
                block = block.setdefault(name, {})
            if value is ABSENT:
                block.pop(key, None)
            else:
                block[key] = copy.deepcopy(value)
        return {"params": params}

    def parsed(self, overrides: dict[str, Any] | None = None) -> Any:
        """The policy's settings."""
        params = self.settings(overrides)["params"]
        return algorithms()[params["algo"]["name"]].parse(params)

    def runner(self, overrides: dict[str, Any] | None = None, observer: Any = None) -> Runner:
        runner = Runner(observer)
        runner.load(self.settings(overrides))
        return runner

    def train(self, overrides: dict[str, Any] | None = None, checkpoint: str | None = None) -> Run:
        run = Run()
        self.runner(overrides, run).run_train({"train": True, "checkpoint": checkpoint})
        return run

    def agent(self, overrides: dict[str, Any] | None = None) -> Any:
        params = self.runner(overrides).params
        return algorithms()[params["algo"]["name"]].make_agent("run", params)

    def rolled(self, overrides: dict[str, Any] | None = None, moved: str = "") -> Any:
        """An agent with a rollout in its dataset, whose gradient steps change nothing.

        Args:
            moved: the policy's parameters of this name are away from their start, so that every
                loss has a slope.
        """
        agent = self.agent({"config.truncate_grads": False, **(overrides or {})})
        agent.init_tensors()
        agent.obs = agent.env_reset()
        agent.set_eval()
        with torch.no_grad():
            for name, parameter in agent.policy.named_parameters():
                if moved and name.startswith(moved):
                    parameter += 0.3 * torch.randn_like(parameter)
            rollout = agent.play_steps_rnn() if agent.is_rnn else agent.play_steps()
        agent.set_train()
        agent.rolled = [rollout[name].clone() for name in ("mus", "sigmas") if name in rollout]
        agent.prepare_dataset(rollout)
        agent.last_lr = 0.0
        for group in agent.optimizer.param_groups:
            group["lr"] = 0.0
        return agent

    def player(
        self, overrides: dict[str, Any] | None = None, checkpoint: str | None = None
    ) -> Player:
        player = self.runner(overrides).create_player()
        if checkpoint is not None:
            player.restore(checkpoint)
        return player


def gradients(agent: Any) -> dict[str, torch.Tensor]:
    """Of a policy's parameters by name, after one gradient step on a :meth:`Rig.rolled` agent."""
    agent.set_train()
    agent.calc_gradients(agent.dataset[0])
    return {
        name: parameter.grad.clone()
        for name, parameter in agent.policy.named_parameters()
        if parameter.grad is not None
    }


def network_of(
    name: str,
    block: dict[str, Any],
    shape: Any = (4,),
    actions: int = 2,
    builder: Any = None,
    algo: dict[str, Any] | None = None,
) -> Any:
    """A policy's network, as rl_games builds it from a ``network:`` block beside the ``mlp``."""
    algorithm = algorithms()[name]
    network = {"name": algorithm.network_name, "mlp": MLP, **block}
    builder = builder or load(algorithm.network)()
    builder.load(network)
    params = {"algo": algo, "network": network, "config": BASE["config"]}
    builder.receive(algorithm.config.parse(params))
    return builder.build("a2c", actions_num=actions, input_shape=shape, value_size=1, num_seqs=1)


def play(player: Player, steps: int, deterministic: bool) -> float:
    """Mean reward per step over the player's own environments."""
    obs = player.env_reset(player.env)
    player.get_batch_size(obs, 1)
    player.reset()
    for _ in range(steps):
        action = player.get_action(obs, deterministic)
        obs, _, done, _ = player.env_step(player.env, action)
        for state in player.states or ():
            state[:, done.bool()] = 0
    return torch.stack(player.env.rewards).mean().item()
