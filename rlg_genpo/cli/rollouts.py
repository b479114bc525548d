"""Episodes of a trained policy, through rl_games' player on its own vectorised environments."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rl_games.common import vecenv
from rl_games.torch_runner import Runner

from rlg_genpo import registration
from rlg_genpo.cli import machine, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.cli.machine import quiet
from rlg_genpo.cli.runs import Checkpoint
from rlg_genpo.cli.session import seed_all
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.envs import simulator_of


@dataclass(frozen=True)
class Prepared:
    """A run's configuration, checked and made ready for playing."""

    params: Params
    settings: PolicyConfig | None  # the policy's, parsed; None for rl_games' own


@dataclass(frozen=True)
class Episode:
    """One finished episode."""

    env: int
    value: float  # undiscounted sum of rewards, the mean over several agents' sums
    length: int  # environment steps


def prepared(params: Params, device: str, seed: int, hosted: bool = False) -> Prepared:
    """What :func:`make_player` wants of a run's configuration.

    Args:
        hosted: whether no environment is to be made, since only another program can.
    """
    params = deepcopy(params)
    validation.check_shape(params)
    machine.set_device(params["config"], device)
    machine.set_threads(params)
    settings = validation.check_settings(params) if hosted else validation.check(params)
    params["seed"] = seed
    params["config"].setdefault("env_config", {})["seed"] = seed
    return Prepared(params, settings)


def make_player(
    run: Prepared,
    checkpoint: Checkpoint,
    count: int,
    deployment: str | None = None,
    info: dict[str, Any] | None = None,
) -> Any:
    """rl_games' player of a checkpoint, with ``count`` environments as its ``env``.

    Args:
        deployment: replaces what the YAML says.
        info: what environments would say of themselves; then none are made.
    """
    with quiet():
        runner = Runner()
        runner.load({"params": run.params})
        registration.enter_runner(runner, run.settings)
        config = runner.params["config"]
        simulator_of(config).prepare(config)
        config["env_info"] = info
        if info is None:
            # The player would drop env_config.seed if it made the environments itself.
            env = vecenv.create_vec_env(config["env_name"], count, **config["env_config"])
            config["vec_env"], config["env_info"] = env, env.get_env_info()
        player = runner.create_player()
        if deployment is not None:
            player.deployment = deployment
        with checkpoint.readable() as path:
            player.restore(str(path))
    seed_all(run.params["seed"])
    return player


@dataclass(frozen=True)
class Step:
    """One step of every environment: B of them, of n agents each."""

    obs: Any  # (B n, ...), or a dict of such: what the player saw
    states: tuple[torch.Tensor, ...]  # (layers, B n, units) each: its memory then
    action: torch.Tensor  # (B n, D)
    reward: NDArray[Any]  # (B,), the mean over the agents
    done: NDArray[np.bool_]  # (B,), of any agent
    reset: NDArray[np.bool_]  # (B,), where it was no step


def steps(player: Any, count: int, deterministic: bool) -> Iterator[Step]:
    """Steps of ``count`` environments without end, from new episodes on."""
    obs = player.env_reset(player.env)
    player.get_batch_size(obs, 1)
    player.init_rnn()
    while True:
        seen, states = obs, tuple(player.states) if player.is_rnn else ()
        action = player.get_action(obs, deterministic)
        obs, reward, done, info = player.env_step(player.env, action)
        reset = is_reset_step(info, count)
        done = done.cpu().numpy().astype(bool).reshape(count, -1).any(axis=1)
        yield Step(
            seen, states, action, reward.cpu().numpy().reshape(count, -1).mean(axis=1), done, reset
        )
        if player.is_rnn:
            # A row per agent, environment-major; its memory ends with the episode.
            rows = torch.as_tensor((done | reset).repeat(player.num_agents))
            for state in player.states:
                state[:, rows, :] = 0.0


def play(player: Any, count: int, episodes_per_env: int, deterministic: bool) -> Iterator[Episode]:
    """Play until each of ``count`` environments has contributed its episodes; more do not count.

    That every one contributes as many keeps short episodes from being over-represented.
    """
    returns = np.zeros(count)
    lengths = np.zeros(count, dtype=int)
    ended = np.zeros(count, dtype=int)
    for step in steps(player, count, deterministic):
        returns += step.reward
        lengths += ~step.reset
        for index in np.flatnonzero(step.done):
            if ended[index] < episodes_per_env:
                yield Episode(int(index), float(returns[index]), int(lengths[index]))
        ended += step.done
        if (ended >= episodes_per_env).all():
            return
        returns[step.done], lengths[step.done] = 0.0, 0


def is_reset_step(info: Any, count: int) -> NDArray[np.bool_]:
    """Where a step was no step, (B,): envpool resets an environment on the step after its last.

    It then ignores the action, rewards 0 and reports ``elapsed_step`` 0.
    """
    if isinstance(info, dict) and "elapsed_step" in info:
        return np.asarray(info["elapsed_step"]) == 0
    return np.zeros(count, dtype=bool)
