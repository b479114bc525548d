"""Each agent of a trained DDPL model by itself: taken out, saved to a file, loaded from it.

An agent's policy knows nothing of the other agents, of the critics and of rl_games; it runs on a
robot, from that robot's own observation alone. B batch, O the agent's observation size, D its
action size.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rlg_genpo.common.schema import unknown
from rlg_genpo.ddpl.agents import AGENTS, AgentConfig
from rlg_genpo.ddpl.config import DDPLConfig, DiffusionConfig
from rlg_genpo.ddpl.networks import Denoisers
from rlg_genpo.ddpl.policy import DDPL
from rlg_genpo.errors import CheckpointError, ConfigError
from rlg_genpo.host import files

#: as rl_games normalises observations
EPSILON, LIMIT = 1e-5, 5.0
#: raised when a file of before can no longer be read
FORMAT = 1
KEY = "rlg_genpo_agent"


class AgentPolicy(nn.Module):
    """Raw observations (B, O) to actions (B, D) in [-1, 1], for the caller to stretch to its range.

    Args:
        agent: its name, O and D.
        diffusion: the settings of its denoiser, whose weights are initial ones.
        mean, variance: of its observations, (O,).
        limit: at which its normalised observations are clamped.
    """

    mean: Tensor
    deviation: Tensor
    limit: Tensor

    def __init__(
        self,
        agent: AgentConfig,
        diffusion: DiffusionConfig,
        mean: Tensor,
        variance: Tensor,
        limit: float = LIMIT,
    ) -> None:
        super().__init__()
        # Alone, nobody's weights are shared.
        diffusion = replace(diffusion, shared_weights=False)
        self.agent, self.name, self.diffusion = agent, agent.name, diffusion
        self.policy = DDPL(Denoisers([agent.obs], [agent.act], diffusion))
        self.register_buffer("mean", mean.float())
        self.register_buffer("deviation", (variance.float() + EPSILON).sqrt())
        self.register_buffer("limit", torch.tensor(limit))

    @torch.no_grad()
    def forward(self, obs: Tensor, deterministic: bool = True) -> Tensor:
        """The reverse process without noise when deterministic, else a sample."""
        source = ((obs - self.mean) / self.deviation).clamp(-self.limit, self.limit)
        return self.policy.play(self.policy.condition(source), deterministic, None)


def own_rows(whole: nn.Module, own: nn.Module, agent: int) -> None:
    """Copy one agent's weights out of a network of all agents, whose parameters are (n, ...).

    Agents narrower than the widest fill its rows from the front; what they do not fill is cut off.
    """
    with torch.no_grad():
        for source, target in zip(whole.parameters(), own.parameters(), strict=True):
            # One row where the agents share their weights.
            row = source[min(agent, len(source) - 1)]
            target.copy_(row[tuple(slice(width) for width in target.shape[1:])].unsqueeze(0))


def taken_apart(model: Any, settings: DDPLConfig) -> list[AgentPolicy]:
    """Every agent of a trained model, on its device, with copies of its weights."""
    policy, device = model.policy, next(model.parameters()).device
    total = policy.observations.total
    # Without normalisation, the observations are to pass as they are.
    mean = torch.zeros(total, device=device)
    variance = torch.full_like(mean, 1 - EPSILON)
    limit = math.inf
    if model.normalize_input:
        mean, variance = model.running_mean_std.running_mean, model.running_mean_std.running_var
        limit = LIMIT
    moments = (moment.split(policy.observations.sizes) for moment in (mean, variance))
    found = []
    for index, (agent, *own) in enumerate(zip(settings.agents or (), *moments, strict=True)):
        single = AgentPolicy(agent, settings.diffusion, *own, limit=limit).to(device)
        own_rows(policy.denoisers, single.policy.denoisers, index)
        found.append(single.eval())
    return found


def export(
    params: Mapping[str, Any],
    settings: DDPLConfig,
    state: Mapping[str, Any],
    names: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Write ``folder/NAME.pt`` for every agent, or those of ``names``, and return the paths.

    No environment is made: how many agents there are, and their sizes, stand in the checkpoint's
    ``state``. ``settings`` were parsed of ``params``.

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
    checkpoints.check(state, params["algo"]["name"], settings, model)
    model.load_state_dict(state["model"])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [own for own in taken_apart(model, settings) if own.name in (names or known)]
    return [save(own, folder / f"{own.name}.pt") for own in wanted]


def save(single: AgentPolicy, path: Path) -> Path:
    """Write one agent's policy to a file that :func:`load` reads, in the place of an older one."""
    held = {
        KEY: FORMAT,
        "agent": asdict(single.agent),
        "diffusion": asdict(single.diffusion),
        "state": {name: value.cpu() for name, value in single.state_dict().items()},
    }
    temporary = path.with_name(f".{path.name}.tmp")
    torch.save(held, temporary)
    return temporary.replace(path)


def load(path: str | Path) -> AgentPolicy:
    """One agent's policy from a file, on the CPU.

    Raises:
        CheckpointError: the file holds no agent's policy, or one of another format.
    """
    held = files.read(path)
    if KEY not in held:
        raise CheckpointError(
            f"{path}: holds no agent's policy; `rlg-genpo export RUN` writes such files."
        )
    if held[KEY] != FORMAT:
        raise CheckpointError(f"{path}: is of format {held[KEY]}; this version reads {FORMAT}.")
    try:
        agent, diffusion = AgentConfig(**held["agent"]), DiffusionConfig(**held["diffusion"])
        mean = held["state"]["mean"]
        single = AgentPolicy(agent, diffusion, mean, variance=mean)
        # Files of before have no limit: it was always this one.
        single.load_state_dict({"limit": torch.tensor(LIMIT)} | held["state"])
    except (LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its agent's policy is damaged ({error}).") from error
    return single.eval()
