"""From a player to what is exported: its policy, or each agent's, with the environment's bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.deployed import Deployed, Part, Port, whole
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat

#: standard deviation of rl_games' Gaussian models from what their networks return, by model.name
SIGMAS = {"continuous_a2c": Tensor.clone, "continuous_a2c_logstd": torch.exp}


@dataclass(frozen=True)
class Policy:
    """What goes into one file."""

    name: str | None  # of the agent; None where there is one policy
    module: Deployed
    part: Part
    low: Tensor  # (D,), the bounds of the environment's action
    high: Tensor


def policies_of(player: Any, params: Mapping[str, Any], sample: bool) -> list[Policy]:
    """Every policy of a player that has its checkpoint.

    Args:
        params: the player's, for Isaac Lab's own clamps, which stand in ``params.env``.
        sample: whether noise is an input.

    Raises:
        ConfigError: the policy cannot be sampled from given noise, or never does without.
    """
    parts = player.parts() if hasattr(player, "parts") else [gaussian(player, params)]
    return [policy_of(part, player, params, sample) for part in parts]


def policy_of(part: Part, player: Any, params: Mapping[str, Any], sample: bool) -> Policy:
    if sample and part.noise is None:
        raise ConfigError(
            f"--sample: a policy of model.name {params['model']['name']} takes no noise from "
            "outside; export its deterministic action, without --sample."
        )
    low, high = player.actions_low[part.acted], player.actions_high[part.acted]
    # Isaac Lab's wrapper clamps what goes in and out of its environments.
    hosted = simulator_of(params["config"]).host is not None
    limit = float(params.get("env", {}).get("clip_observations", math.inf)) if hosted else math.inf
    bounded = bool(high.isfinite().all())
    module = Deployed(
        part,
        observed=observed(part, player.observation_space),
        bounds=(low, high) if player.clip_actions or (hosted and bounded) else None,
        rescales=player.clip_actions,
        limit=None if math.isinf(limit) else limit,
        sample=sample,
    )
    if not sample and is_random(module):
        raise ConfigError(
            f"--deployment {player.deployment}: keeps its noise even where the flow starts from "
            "none; add --sample, which makes the noise an input."
        )
    return Policy(part.name, module, part, low, high)


def observed(part: Part, space: Any) -> list[Port]:
    """The observations by name; images of bytes stay bytes."""
    named = {"observation": space}
    if isinstance(part.shape, Mapping):
        named = {name: space.spaces[name] for name in part.shape}
    shapes = part.shape if isinstance(part.shape, Mapping) else {"observation": part.shape}
    return [
        Port(name, tuple(shapes[name]), torch.uint8 if one.dtype == "uint8" else torch.float32)
        for name, one in named.items()
    ]


def is_random(module: Deployed) -> bool:
    """Whether the same inputs give other actions the second time."""
    given = [port.example(1) for port in module.inputs]
    with torch.no_grad():
        first, second = (module(*given) for _ in range(2))
    if module.states:
        first, second = first[0], second[0]
    return not torch.equal(first, second)


def gaussian(player: Any, params: Mapping[str, Any]) -> Part:
    """rl_games' own Gaussian: the mean, as its player plays it, or with sigma times the noise."""
    compat.unscript(player.model)
    model, sigma = player.model, SIGMAS.get(params["model"]["name"])

    def act(obs: Any, states: Any, noise: Tensor | None) -> tuple[Tensor, Any]:
        seen = {"obs": model.norm_obs(obs), "rnn_states": states}
        mean, raw, _, states = model.a2c_network(seen)
        if noise is None or sigma is None:
            return mean, states
        return mean + sigma(raw) * noise, states

    return whole(player, None if sigma is None else player.actions_num, act)
