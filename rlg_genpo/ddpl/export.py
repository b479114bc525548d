"""Each agent of a trained DDPL model by itself: taken out, saved to a file, loaded from it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.ddpl.config import AgentConfig, DiffusionConfig
from rlg_genpo.ddpl.make_denoisers import make_denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.ddpl.single import AgentPolicy, own_rows
from rlg_genpo.ddpl.slices import Slices
from rlg_genpo.errors import CheckpointError

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
    for index, agent in enumerate(network.agents):
        span = network.policy.observations.span(index)
        device = next(network.parameters()).device
        mean, var = torch.zeros(agent.obs, device=device), torch.ones(agent.obs, device=device)
        if model.normalize_input:
            statistics = model.running_mean_std
            mean, var = statistics.running_mean[span], statistics.running_var[span]
        single = alone(agent, network.diffusion, mean, var).to(device)
        own_rows(network.policy.denoisers, single.policy.denoisers, index)
        found.append(single.eval())
    return found


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
