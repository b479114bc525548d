"""Each agent of a trained DDPL model by itself: taken out, saved to a file, loaded from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.schema import unknown
from rlg_genpo.ddpl.config import AGENTS, AgentConfig, DDPLConfig, DiffusionConfig
from rlg_genpo.ddpl.denoisers import make_denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.ddpl.single import AgentPolicy, own_rows
from rlg_genpo.ddpl.slices import Slices
from rlg_genpo.errors import CheckpointError, ConfigError

#: raised when a file of before can no longer be read
FORMAT = 1
KEY = "rlg_genpo_agent"


def alone(agent: AgentConfig, diffusion: DiffusionConfig, mean: Tensor, var: Tensor) -> AgentPolicy:
    """An agent's policy with initial weights."""
    # Alone, nobody's weights are shared.
    denoisers = make_denoisers([agent.obs], [agent.act], diffusion, shared=False)
    policy = DDPL(
        Slices([agent.obs]),
        Slices([agent.act]),
        denoisers,
        None,
        diffusion.sampling_steps or diffusion.steps,
        diffusion.variance,
    )
    return AgentPolicy(agent.name, policy, mean, var)


def agents_of(model: Any) -> list[AgentPolicy]:
    """Every agent of a trained model, on its device, with copies of its weights."""
    network = model.a2c_network
    found = []
    for index, agent in enumerate(network.settings.agents):
        span = network.policy.observations.span(index)
        device = next(network.parameters()).device
        mean, var = torch.zeros(agent.obs, device=device), torch.ones(agent.obs, device=device)
        if model.normalize_input:
            statistics = model.running_mean_std
            mean, var = statistics.running_mean[span], statistics.running_var[span]
        single = alone(agent, network.settings.diffusion, mean, var).to(device)
        own_rows(network.policy.denoisers, single.policy.denoisers, index)
        found.append(single.eval())
    return found


def export(
    params: Mapping[str, Any],
    settings: DDPLConfig,
    state: Mapping[str, Any],
    names: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write ``folder/NAME.pt`` for every agent, replacing those of an earlier export.

    No environment is made: how many agents there are, and their sizes, stand in the checkpoint.

    Args:
        params: ``params`` of the YAML, and ``settings`` what was parsed of it.
        state: of a checkpoint, which is of this policy.
        names: of agents; all if there are none.

    Raises:
        ConfigError: there is no agent of a name.
        CheckpointError: the checkpoint and the settings differ.
    """
    # Imported here: a robot that loads an agent needs no rl_games.
    from rlg_genpo.common import checkpoints
    from rlg_genpo.common.model import build_model

    if settings.agents is None:
        # The environment named them when the policy was trained.
        listed = state[checkpoints.KEY]["head"][AGENTS]
        settings = replace(settings, agents=tuple(AgentConfig(**one) for one in listed))
    agents = settings.agents or ()
    known = [agent.name for agent in agents]
    for name in names:
        if name not in known:
            raise ConfigError(f"--agent {name}: {unknown(name, known, 'agent')}")
    observations = sum(agent.obs for agent in agents)
    model = build_model(params, settings, (observations,), sum(agent.act for agent in agents))
    checkpoints.check(state, params["algo"]["name"], settings.fingerprint(), model)
    model.load_state_dict(state["model"])
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for agent, own in zip(agents, agents_of(model), strict=True):
        if not names or agent.name in names:
            path = folder / f"{agent.name}.pt"
            temporary = path.with_name(f".{path.name}.tmp")
            save(own, agent, settings.diffusion, temporary)
            temporary.replace(path)
            written.append(path)
    return written


def save(single: AgentPolicy, agent: AgentConfig, diffusion: DiffusionConfig, path: Path) -> None:
    """Write one agent's policy to a file that :func:`load` reads."""
    torch.save(
        {
            KEY: FORMAT,
            "agent": asdict(agent),
            "diffusion": asdict(diffusion),
            "state": {name: value.cpu() for name, value in single.state_dict().items()},
        },
        path,
    )


def load(path: str | Path) -> AgentPolicy:
    """One agent's policy from a file, on the CPU.

    Raises:
        CheckpointError: the file holds no agent's policy, or one of another format.
    """
    held = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(held, Mapping) or KEY not in held:
        raise CheckpointError(
            f"{path}: holds no agent's policy; `rlg-genpo export RUN` writes such files."
        )
    if held[KEY] != FORMAT:
        raise CheckpointError(f"{path}: is of format {held[KEY]}; this version reads {FORMAT}.")
    agent = AgentConfig(**held["agent"])
    state = held["state"]
    single = alone(agent, DiffusionConfig(**held["diffusion"]), state["mean"], state["mean"])
    single.load_state_dict(state)
    return single.eval()
