"""Everything that can be wrong with a configuration, found before an environment is made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rl_games.algos_torch.model_builder import ModelBuilder

from rlg_genpo import registration
from rlg_genpo.algorithm import Algorithm, algorithms
from rlg_genpo.cli.runs import Checkpoint, Run
from rlg_genpo.common import checkpoints
from rlg_genpo.common.config import PolicyConfig, block_at
from rlg_genpo.common.schema import nearest, unknown
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import keys

#: rl_games' own algorithm, which has no settings of ours
GAUSSIAN = "a2c_continuous"


def check(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained here; the settings of a policy of ours."""
    settings = check_settings(params)
    simulator_of(params["config"]).check(params["config"])
    return settings


def check_settings(params: Mapping[str, Any]) -> PolicyConfig | None:
    """Whether a configuration can be trained where its simulator is; settings as above."""
    check_shape(params)
    registration.refuse_half_a_swap(params)
    algorithm = algorithm_of(params)
    settings = None if algorithm is None else algorithm.parse(params)
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
    if not any(isinstance(block, Mapping) and block.get("name") in ours for block in blocks):
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


def check_shape(params: Mapping[str, Any]) -> None:
    """The blocks and keys without which nothing else can be read, and rl_games' names."""
    builder = ModelBuilder()
    tables = {
        "algo": {*algorithms(), GAUSSIAN},
        "model": builder.model_factory._builders,
        "network": builder.network_builder.network_factory._builders,
    }
    for block in (*tables, "config"):
        block_at(params, block)
    for block, names in tables.items():
        name = params[block].get("name")
        if name not in names:
            raise ConfigError(
                f"params.{block}.name: unknown, {name!r}{nearest(str(name), names)} "
                f"Known: {', '.join(sorted(names))}."
            )
    config = params["config"]
    # Another program's -1 stands for a number that is not known yet.
    known = {**config, "num_actors": 1} if leaves_envs_open(config) else config
    keys.parse_config(known, gaussian=params["algo"]["name"] == GAUSSIAN)


def check_batch(params: Mapping[str, Any]) -> None:
    """num_actors * horizon_length, minibatch_size and seq_length fit each other."""
    if leaves_envs_open(params["config"]):
        keys.check_open_batch(params)
    else:
        keys.check_batch(params, rows_per_env(params))


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
