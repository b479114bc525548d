"""An exported file beside the player it was made of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.cli import rollouts
from rlg_genpo.errors import VerificationError
from rlg_genpo.export import files
from rlg_genpo.export.policies import Policy

#: how many environments record, and how many observations at least
ENVS, LEAST = 16, 1000
#: largest difference, where actions reach from -1 to 1
BAR = 1e-5


@dataclass(frozen=True)
class Recording:
    """What a player saw, and did about it."""

    source: str  # where the observations come from
    obs: Any  # (B, ...), or a dict of such
    states: tuple[Tensor, ...]  # (layers, B, units) each, before the step
    actions: Tensor | None  # (B, D), the player's deterministic ones; None if it was not asked


def recorded(player: Any) -> Recording:
    """Of the player's own environments, over consecutive steps of each."""
    seen: list[Recording] = []
    for step in rollouts.steps(player, ENVS, deterministic=True):
        # Simulators may write the next observation over this one.
        obs, action = joined([step.obs]), step.action.clone()
        seen.append(Recording("", obs, step.states, action))
        if len(seen) * len(step.action) >= LEAST:
            break
    states = zip(*(one.states for one in seen), strict=True)
    return Recording(
        "observations recorded in its simulator",
        joined([one.obs for one in seen]),
        tuple(torch.cat(own, dim=1) for own in states),
        joined([one.actions for one in seen]),
    )


def joined(rows: list[Any]) -> Any:
    """Tensors, or dictionaries of them, one after the other."""
    if isinstance(rows[0], dict):
        return {name: torch.cat([one[name] for one in rows]) for name in rows[0]}
    return torch.cat(rows)


def drawn(player: Any) -> Recording:
    """For a simulator that does not run here: normal numbers in the place of observations."""
    shape, normaliser = player.obs_shape, getattr(player.model, "running_mean_std", None)
    if isinstance(shape, dict):
        named = {} if normaliser is None else normaliser.running_mean_std
        obs: Any = {name: around(named, name, own) for name, own in shape.items()}
    else:
        obs = around({} if normaliser is None else {"": normaliser}, "", shape)
    states = player.model.get_default_rnn_state() or ()
    blank = tuple(torch.randn(len(state), LEAST, state.shape[-1]).tanh() for state in states)
    return Recording("draws in the place of observations", obs, blank, None)


def around(named: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    """Draws with the mean and variance of a normaliser, if there is one."""
    draws = torch.randn(LEAST, *shape)
    if name not in named:
        return draws
    return (named[name].running_mean + named[name].running_var.sqrt() * draws).float()


def verify(policy: Policy, path: Path, kind: str, recording: Recording) -> str:
    """Run the file on what was recorded; returns a line for people.

    A deterministic action is held against the player's; everything else, sampled actions and next
    states, against the policy in torch, given the same noise.

    Raises:
        VerificationError: the largest difference is above the bar.
    """
    obs, shape = recording.obs, policy.part.shape
    if isinstance(shape, dict):
        seen = [obs[name] for name in shape]
    else:
        seen = [obs[..., policy.part.observed]]
    rows = len(seen[0])
    noise = [torch.randn(rows, *port.shape) for port in policy.module.noise]
    inputs = [*seen, *recording.states[: len(policy.module.states)], *noise]
    with torch.no_grad():
        expected = policy.module(*inputs)
    expected = [expected] if isinstance(expected, Tensor) else list(expected)
    beside = "torch with the same noise" if noise else "the policy in torch"
    if recording.actions is not None and not noise:
        expected[0], beside = recording.actions[:, policy.part.acted], "the player"
    found = files.runner(path, kind)(inputs)
    difference = max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))
    reach = policy.high[policy.high.isfinite()]
    bar = BAR * max(1.0, *reach.abs().tolist())
    where = f"{path.name} beside {beside} on {rows} {recording.source}"
    said = f"{where}: largest difference {difference:.1e}"
    if not difference <= bar:
        raise VerificationError(f"{said}, above {bar:.0e}.")
    return f"verified: {said}"
