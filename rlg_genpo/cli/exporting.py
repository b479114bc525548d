"""``rlg-genpo export``: each agent of a trained policy as a file of its own."""

from collections.abc import Sequence
from pathlib import Path

from rlg_genpo.algorithm import algorithms, load
from rlg_genpo.cli import evaluation, rollouts, runs, validation
from rlg_genpo.common import checkpoints
from rlg_genpo.errors import ConfigError


def export(
    run: str,
    agents: Sequence[str] = (),
    out: Path | None = None,
    checkpoint: str = "last",
    config: str | None = None,
) -> list[Path]:
    """Write ``out/NAME.pt`` for every agent, replacing those of an earlier export.

    Args:
        run, checkpoint, config: as in :class:`rlg_genpo.cli.evaluation.Options`.
        agents: names; every agent if there are none.
        out: a folder; ``agents`` in the run folder if None.

    Raises:
        CheckpointError: the checkpoint and the configuration differ.
    """
    found = runs.locate(run, checkpoint)
    params = evaluation.config_of(found, config)
    validation.check_shape(params)
    policy, algorithm = params["algo"]["name"], validation.algorithm_of(params)
    if algorithm is None or algorithm.export is None:
        exporters = ", ".join(one.name for one in algorithms().values() if one.export)
        raise ConfigError(
            f"params.algo.name: {policy}; only a policy that is made of agents is exported "
            f"({exporters}). Play another with `rlg-genpo play`."
        )
    state = found.load()
    checkpoints.check_policy(state, policy)
    folder = out or found.run.folder / "agents"
    with rollouts.quiet():
        return load(algorithm.export)(params, algorithm.parse(params), state, agents, folder)
