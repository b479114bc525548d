"""Everything that can be wrong with a configuration, found before an environment is made."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rl_games.algos_torch.model_builder import ModelBuilder

from rlg_genpo import registration
from rlg_genpo.algorithm import Algorithm, algorithms
from rlg_genpo.cli.machine import quiet
from rlg_genpo.cli.runs import Checkpoint, Run
from rlg_genpo.common import checkpoints, machine
from rlg_genpo.common.config import PolicyConfig, block_at
from rlg_genpo.common.model import build_model
from rlg_genpo.common.schema import meant, nearest, unknown
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import batch, spaces
from rlg_genpo.host import check as host_check

logger = logging.getLogger(__name__)

#: rl_games' own algorithm, which has no settings of ours
GAUSSIAN = "a2c_continuous"


@dataclass(frozen=True)
class Built:
    """A configuration that works."""

    settings: PolicyConfig | None  # of a policy of ours
    #: the network on the task's spaces; None where only the simulator knows these
    model: Any = None
    observation: Any = None
    action: Any = None


def check(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained here; the settings of a policy of ours."""
    return built(params).settings


def built(params: Mapping[str, Any]) -> Built:
    """The same, with the network as it will be trained. No simulator starts for it."""
    settings, config = check_settings(params), params["config"]
    simulator = simulator_of(config)
    simulator.check(config)
    algorithm = algorithm_of(params)
    joins = algorithm is not None and algorithm.joins_agents
    layout = simulator.layout(config) if joins else None
    if layout is not None:
        info = replace(layout, joint=True).env_info()
    else:
        known = simulator.spaces(config)
        if known is None:
            return Built(settings)
        info = {"observation_space": known[0], "action_space": known[1]}
    spaces.check(info, simulator.task(config))
    if settings is not None:
        settings = settings.resolve(info, None)
    observation, action = info["observation_space"], info["action_space"]
    with quiet():
        model = build_model(params, settings, shape_of(observation), action.shape[0])
    return Built(settings, model, observation, action)


def shape_of(space: Any) -> Any:
    """A space's shape, or its parts' shapes by name."""
    if hasattr(space, "spaces"):
        return {name: part.shape for name, part in space.spaces.items()}
    return space.shape


def check_settings(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained where its simulator is; settings as above."""
    for sentence in check_shape(params):
        logger.warning("%s", sentence)
    registration.refuse_half_a_swap(params)
    algorithm = algorithm_of(params)
    settings = None if algorithm is None else algorithm.settings(params)
    simulator_of(params["config"]).check_file(params)
    check_batch(params)
    return settings


def check_hosted(params: Mapping[str, Any], envs: int | None, checkpoint: str | None) -> None:
    """Whether another program can train or play this with a checkpoint, before it starts.

    Configurations that name nothing of ours are the other program's own business.

    Args:
        envs: the number of environments that it will train in; None where it plays.
        checkpoint: a file, or a word of that program for one.
    """
    registration.register()
    ours = {*algorithms(), *(algorithm.network_name for algorithm in algorithms().values())}
    blocks = (params.get(block) for block in ("algo", "model", "network"))
    if not any(isinstance(block, Mapping) and str(block.get("name")) in ours for block in blocks):
        return
    if envs is not None:
        params = {**params, "config": {**block_at(params, "config"), "num_actors": envs}}
    settings = check_settings(params)
    path = Path(checkpoint or "")
    if settings is not None and path.is_file():
        state = Checkpoint(path, Run(path.parent)).load()
        checkpoints.check_settings(state, params["algo"]["name"], settings)


def algorithm_of(params: Mapping[str, Any]) -> Algorithm | None:
    """The policy's declaration; None for rl_games' own."""
    return algorithms().get(params["algo"]["name"])


def leaves_envs_open(config: Mapping[str, Any]) -> bool:
    """Whether ``num_actors`` is -1, for which another program's command line has the number."""
    return simulator_of(config).host is not None and config.get("num_actors") == -1


def state_of(checkpoint: Checkpoint, params: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's state for the configuration it was trained with, with ``frame`` in frames of
    environments: rl_games counts every agent's.

    Raises:
        CheckpointError: it holds one of our policies, and ``params`` rl_games' own Gaussian.
    """
    check_shape(params)
    state = checkpoint.load()
    if params["algo"]["name"] == GAUSSIAN and checkpoints.KEY in state:
        checkpoints.check_policy(state, GAUSSIAN)
    return {**state, "frame": state["frame"] // rows_per_env(params)}


def check_deployment(params: Mapping[str, Any], name: str) -> None:
    """Whether a player of this policy may be told to execute a deployment."""
    algorithm = algorithm_of(params)
    known = () if algorithm is None else algorithm.config.deployments
    if not known:
        raise ConfigError(
            f"--deployment {name}: a policy of algo.name {params['algo']['name']} has one "
            "deployment only."
        )
    if name not in known:
        raise ConfigError(f"--deployment {name}: {unknown(name, known, 'deployment')}")


def check_shape(params: Mapping[str, Any]) -> list[str]:
    """The blocks and keys without which nothing else can be read, and rl_games' names.

    Numbers that stand as text become numbers. Returns sentences about keys that nobody reads.
    """
    registration.register()
    builder = ModelBuilder()
    tables = {"algo": {*algorithms(), GAUSSIAN}, "model": builder.model_factory._builders}
    for block in (*tables, "network", "config"):
        block_at(params, block)
    for block, names in tables.items():
        name = params[block].get("name")
        if name is None:
            raise ConfigError(
                f"params.{block}.name: missing; write one of {', '.join(sorted(names))}."
                f"{meant('name', params[block])}"
            )
        if not isinstance(name, str) or name not in names:
            raise ConfigError(
                f"params.{block}.name: unknown, {name!r}{nearest(str(name), names)} "
                f"Known: {', '.join(sorted(names))}."
            )
    machine.refuse_networks(params)
    machine.refuse_of_version(params["config"])
    # Another program's -1 stands for a number that is not known yet.
    opened = leaves_envs_open(params["config"])
    known = {**params, "config": {**params["config"], "num_actors": 1}} if opened else params
    algorithm = algorithm_of(params)
    if algorithm is not None:
        return algorithm.check(known)
    return host_check.check(known, gaussian=True, trunk=params["network"]["name"] == "actor_critic")


def check_batch(params: Mapping[str, Any]) -> None:
    """num_actors * horizon_length, minibatch_size and seq_length fit each other."""
    if leaves_envs_open(params["config"]):
        batch.check_open_batch(params)
    else:
        batch.check_batch(params, rows_per_env(params))


def rows_per_env(params: Mapping[str, Any]) -> int:
    """Native agents of an environment; 1 for an algorithm that takes them together."""
    algorithm = algorithm_of(params)
    if algorithm is not None and algorithm.joins_agents:
        return 1
    return simulator_of(params["config"]).agents(params["config"])


def frames_per_epoch(config: Mapping[str, Any]) -> int:
    return config["num_actors"] * config["horizon_length"]


def planned_frames(config: Mapping[str, Any], epoch: int = 0, frame: int = 0) -> int | None:
    """Frames of a whole run that has come to ``epoch`` and ``frame``; None if it has no end."""
    ends = []
    if config.get("max_epochs", -1) != -1:
        ends.append(frame + (config["max_epochs"] - epoch) * frames_per_epoch(config))
    if config.get("max_frames", -1) != -1:
        ends.append(config["max_frames"])
    return min(ends, default=None)
