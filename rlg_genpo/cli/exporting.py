"""``rlg-genpo export``: each agent of a DDPL run as a file of its own.

No environment is made: how many agents there are, and their sizes, stand in the checkpoint.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from rlg_genpo.cli import checking, evaluation, runs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.common import checkpoints
from rlg_genpo.common.schema import unknown
from rlg_genpo.ddpl import export as single
from rlg_genpo.ddpl.config import AGENTS, DDPLSettings
from rlg_genpo.errors import CheckpointError, ConfigError

#: the only policy that is made of agents
POLICY = "ddpl"


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
    policy = params["algo"]["name"]
    if policy != POLICY:
        raise ConfigError(
            f"params.algo.name: {policy}; only a {POLICY} policy is made of agents to export. "
            "Play another with `rlg-genpo play`."
        )
    model = trained(params, checkpoint.load())
    network = model.a2c_network
    known = [agent.name for agent in network.agents]
    for name in options.agents:
        if name not in known:
            raise ConfigError(f"--agent {name}: {unknown(name, known, 'agent')}")
    folder = options.out or checkpoint.run.folder / "agents"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for agent, alone in zip(network.agents, single.agents_of(model), strict=True):
        if options.agents and agent.name not in options.agents:
            continue
        path = folder / f"{agent.name}.pt"
        temporary = path.with_name(f".{path.name}.tmp")
        single.save(alone, agent, network.diffusion, temporary)
        temporary.replace(path)
        written.append(path)
    return written


def trained(params: Params, state: Mapping[str, Any]) -> Any:
    """The model of a checkpoint, on the CPU."""
    extras = state.get(checkpoints.KEY, {})
    found = extras.get("policy", "Gaussian")
    if found != POLICY:
        raise CheckpointError(
            f"The checkpoint holds a {found} policy, but params.algo.name is {POLICY}. Export it "
            "with the YAML that it was trained with."
        )
    params = deepcopy(params)
    if params["network"].get("agents") is None:
        # The environment named them when it was trained.
        params["network"]["agents"] = extras["head"][AGENTS]
    settings = DDPLSettings.from_params(params)
    agents = settings.agents or ()
    observation = Box(-np.inf, np.inf, (sum(agent.obs for agent in agents),))
    action = Box(-1.0, 1.0, (sum(agent.act for agent in agents),))
    model = checking.build(params, observation, action)
    checkpoints.check(state, POLICY, settings.head(), model)
    model.load_state_dict(state["model"])
    return model
