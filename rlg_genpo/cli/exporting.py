"""``rlg-genpo export``: each agent of a trained policy as a file of its own."""

from dataclasses import dataclass
from pathlib import Path

from rlg_genpo.algorithm import algorithms, load
from rlg_genpo.cli import evaluation, rollouts, runs, validation
from rlg_genpo.common import checkpoints
from rlg_genpo.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """The command line of ``export``."""

    run: str  # a run folder or a checkpoint
    agents: tuple[str, ...] = ()  # names; every agent if there are none
    out: Path | None = None  # a folder; ``agents`` in the run folder if None
    checkpoint: str = "last"  # of a run folder, its ``last`` or its ``best``
    config: str | None = None  # None for the run folder's own


def export(options: Options) -> list[Path]:
    """Write ``out/NAME.pt`` for every agent, replacing those of an earlier export.

    Raises:
        ConfigError: the policy is not made of agents, or has none of a name.
        CheckpointError: the checkpoint and the configuration differ.
    """
    checkpoint = runs.locate(options.run, options.checkpoint)
    params = evaluation.config_of(checkpoint, options.config)
    validation.check_shape(params)
    policy, algorithm = params["algo"]["name"], validation.algorithm_of(params)
    if algorithm is None or algorithm.export is None:
        exporters = ", ".join(one.name for one in algorithms().values() if one.export)
        raise ConfigError(
            f"params.algo.name: {policy}; only a policy that is made of agents is exported "
            f"({exporters}). Play another with `rlg-genpo play`."
        )
    state = checkpoint.load()
    checkpoints.check_policy(state, policy)
    folder = options.out or checkpoint.run.folder / "agents"
    with rollouts.quiet():
        return load(algorithm.export)(
            params, algorithm.parse(params), state, options.agents, folder
        )
