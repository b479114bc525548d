"""rl_games agents and players of every policy, alike in all but the policy."""

import contextlib
import io
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl_games.torch_runner import Runner

from costs import simulator
from costs.sizes import MIX, STEPS, Size
from rlg_genpo.registration import enter_runner

PPO, FAST, PAPER = "Gaussian PPO", "GenPO, fast head", "GenPO, paper's network"
CPPO, DDPL = "CPPO", "DDPL"
POLICIES = (PPO, FAST, PAPER, CPPO, DDPL)
#: ``algo`` of the paper's: compression on every row
PAPER_ALGO = {"compression_coef": 0.01, "compression_fraction": 1.0}


@dataclass(frozen=True)
class Load:
    """How many rows are collected and learned from."""

    actors: int
    horizon: int
    minibatch: int
    mini_epochs: int

    @property
    def rows(self) -> int:
        return self.actors * self.horizon


def load_for(device: str, quick: bool) -> Load:
    """As large as the device is meant for."""
    if quick:
        return Load(actors=8, horizon=4, minibatch=16, mini_epochs=1)
    if device == "cuda":
        return Load(actors=4096, horizon=16, minibatch=32768, mini_epochs=5)
    return Load(actors=256, horizon=16, minibatch=1024, mini_epochs=4)


def one_minibatch(rows: int) -> Load:
    """A rollout of one minibatch, learned from once."""
    return Load(actors=rows // 4, horizon=4, minibatch=rows, mini_epochs=1)


def blocks_of(who: str, size: Size, flow: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """``algo``, ``model`` and ``network`` of a policy.

    Args:
        who: one of :data:`POLICIES`.
        flow: keys put into GenPO's ``network.flow``, such as ``memory``.
    """
    if who == PPO:
        continuous = {
            "mu_activation": "None",
            "sigma_activation": "None",
            "mu_init": {"name": "default"},
            "sigma_init": {"name": "const_initializer", "val": 0},
            "fixed_sigma": True,
        }
        return {
            "algo": {"name": "a2c_continuous"},
            "model": {"name": "continuous_a2c_logstd"},
            "network": {"name": "actor_critic", "space": {"continuous": continuous}},
        }
    name, network, algo = {
        FAST: ("genpo", {"flow": {}}, {}),
        PAPER: ("genpo", {"flow": paper_flow(size)}, PAPER_ALGO),
        CPPO: ("cppo", {}, {}),
        DDPL: ("ddpl", {"agents": halves(size)}, {}),
    }[who]
    if flow:
        network = {"flow": {**network["flow"], **flow}}
    return {
        "algo": {"name": name, **algo},
        "model": {"name": name},
        "network": {"name": f"{name}_actor_critic", **network},
    }


def paper_flow(size: Size) -> dict[str, Any]:
    """The paper's flow: no base, and an MLP of the actor's size that sees the observation."""
    return {
        "steps": STEPS,
        "mix": MIX,
        "base": "standard",
        "condition": "observation",
        "units": list(size.units),
        "activation": "mish",
        "time_embedding": 32,
        "time_units": [256, 256],
    }


def halves(size: Size) -> list[dict[str, Any]]:
    """Two agents that share observation and action between them."""
    obs, act = size.observation // 2, size.action // 2
    return [
        {"name": "first", "obs": obs, "act": act},
        {"name": "second", "obs": size.observation - obs, "act": size.action - act},
    ]


def params_of(
    who: str,
    size: Size,
    load: Load,
    device: str,
    folder: Path,
    flow: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """``params`` of an rl_games YAML. The rates are so low that a policy stays as it starts."""
    blocks = blocks_of(who, size, flow)
    trunk = {"units": list(size.units), "activation": "elu", "initializer": {"name": "default"}}
    blocks["network"] |= {"separate": True, "mlp": trunk}
    where = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device
    simulated = {"observation": size.observation, "action": size.action, "device": where}
    config = {
        "name": "cost",
        "full_experiment_name": uuid.uuid4().hex,
        "train_dir": str(folder),
        "env_name": simulator.NAME,
        "env_config": simulated,
        "device": where,
        "device_name": where,
        "torch_compile": False,
        "normalize_input": True,
        "normalize_value": True,
        "normalize_advantage": True,
        "reward_shaper": {"scale_value": 1},
        "gamma": 0.99,
        "tau": 0.95,
        "learning_rate": 1e-7,
        "lr_schedule": "constant",
        "grad_norm": 1.0,
        "truncate_grads": True,
        "entropy_coef": 0.0,
        "e_clip": 0.2,
        "clip_value": True,
        "critic_coef": 2,
        "bounds_loss_coef": 0.0,
        "num_actors": load.actors,
        "horizon_length": load.horizon,
        "minibatch_size": load.minibatch,
        "mini_epochs": load.mini_epochs,
        "max_epochs": 1_000_000,
        "player": {"use_vecenv": True},
    }
    return {"seed": 1, "torch_threads": 1, **blocks, "config": config}


def runner_of(params: Mapping[str, Any]) -> Runner:
    """rl_games' Runner that knows our algorithms."""
    runner = Runner()
    runner.load({"params": params})
    enter_runner(runner)
    return runner


def agent_of(params: Mapping[str, Any]) -> Any:
    """An agent before its first epoch; rl_games' words about it are swallowed."""
    with contextlib.redirect_stdout(io.StringIO()):
        runner = runner_of(params)
        name = params["algo"]["name"]
        agent = runner.algo_factory.create(name, base_name="run", params=runner.params)
        agent.init_tensors()
        agent.obs = agent.env_reset()
        # as rl_games' train() has it before its first epoch
        agent.curr_frames = agent.batch_size_envs
    return agent


def player_of(params: Mapping[str, Any]) -> Any:
    """A player that acts on batches."""
    with contextlib.redirect_stdout(io.StringIO()):
        player = runner_of(params).create_player()
        player.has_batch_dimension = True
        player.reset()
    return player


def epoch(agent: Any) -> None:
    """A rollout and its updates."""
    agent.update_epoch()
    agent.train_epoch()


def minibatch(agent: Any) -> dict[str, Any]:
    """The first of the latest epoch's minibatches, which its dataset keeps."""
    return agent.dataset[0]
