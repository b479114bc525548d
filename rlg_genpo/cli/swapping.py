"""``rlg-genpo swap``: a Gaussian rl_games YAML turned into one of ours, the rest as it was."""

import itertools
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from rlg_genpo.cli import configs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.common.checks import block_at
from rlg_genpo.common.schema import unknown
from rlg_genpo.errors import ConfigError
from rlg_genpo.host.keys import LR_SCHEDULES

#: what the swap adds, by policy: the head's own settings, at their defaults, for overrides to name
HEADS: dict[str, dict[str, dict[str, Any]]] = {
    "genpo": {
        "algo": {"name": "genpo", "compression_coef": 0.01, "compression_fraction": 0.125},
        "model": {"name": "genpo"},
        "network": {
            "name": "genpo_actor_critic",
            "flow": {
                "steps": 3,
                "mix": 0.9,
                "condition": "features",
                "units": [64],
                "activation": "silu",
            },
        },
    },
    "cppo": {
        "algo": {
            "name": "cppo",
            "regulariser": "langevin",
            "regulariser_coef": 0.02,
            "ema": 0.9,
            "distill_epochs": 15,
            "distill_minibatches": 4,
            "distill_lr": 1e-3,
        },
        "model": {"name": "cppo"},
        "network": {
            "name": "cppo_actor_critic",
            "flow": {
                "steps": 8,
                "condition": "observation",
                "units": [64, 64],
                "activation": "silu",
            },
            "residual": {"units": [64, 64], "activation": "silu", "sigma": 0.5},
        },
    },
    "ddpl": {
        "algo": {
            "name": "ddpl",
            "weights": "marginal",
            "proposals": 16,
            "proposal_noise": 0.05,
            "kl_budget": 0.05,
            "policy_epochs": 8,
            "value_epochs": 8,
        },
        "model": {"name": "ddpl"},
        "network": {
            "name": "ddpl_actor_critic",
            "diffusion": {"steps": 20, "units": [64, 64], "activation": "silu", "spread": 0.6},
            "action_value": {"units": [64, 64], "activation": "silu"},
        },
    },
}

#: what a head's file says below its title
REMARKS = {
    "ddpl": (
        "# The agents are read from the environment, where it names them. Where it does not, list\n"
        "# them in the order of their slices: network.agents: [{name: NAME, obs: O, act: D}, ...]\n"
        "# A step is one row: from native agents, divide minibatch_size by their number.\n"
        "# adaptive became linear (constant without max_epochs): a diffusion policy has no\n"
        "# likelihood to measure a KL by.\n"
    )
}


def swap(word: str, policy: str) -> str:
    """The YAML text of a shipped configuration or a file with the head of ``policy``.

    Trunk, rollout, learning rate and everything else stay as they were; ``config.name`` gets the
    policy's name behind it, so that the runs lie in another folder. Comments are lost but those at
    the file's head.

    Raises:
        ConfigError: not a YAML of rl_games' continuous PPO, or no such policy.
    """
    if policy not in HEADS:
        raise ConfigError(f"--policy {policy}: {unknown(policy, HEADS, 'policy')}")
    source = configs.find(word)
    document = yaml.load(source.read_text(), configs.Loader)
    params = configs.load(source)
    refuse_other_than_gaussian(params)
    head = HEADS[policy]
    params["algo"], params["model"] = dict(head["algo"]), dict(head["model"])
    network = {key: value for key, value in params["network"].items() if key != "space"}
    params["network"] = {**network, **deepcopy(head["network"])}
    if "flow" in head["network"] and ("rnn" in network or "cnn" in network):
        # The head must stand on such a trunk; it cannot see the observation by itself.
        params["network"]["flow"]["condition"] = "features"
    config: Any = block_at(params, "config")
    # Neither the Gaussian's run folder nor that of a shipped configuration.
    config["name"] = f"{config.get('name', source.stem)}_swapped_{policy}"
    if config.get("lr_schedule") not in LR_SCHEDULES:
        # rl_games keeps the rate constant on a word that it does not know, such as "fixed".
        config["lr_schedule"] = "constant"
    if policy == "ddpl" and config["lr_schedule"] == "adaptive":
        config["lr_schedule"] = "linear" if config.get("max_epochs", -1) != -1 else "constant"
    validation.SETTINGS[policy].from_params(params)
    title = f"# {source.name} with the head of {policy}, by `rlg-genpo swap`; settings untuned.\n"
    title += REMARKS.get(policy, "")
    return title + head_of(source) + yaml.safe_dump({**document, "params": params}, sort_keys=False)


def head_of(source: Path) -> str:
    """The comment that a file begins with, which is where its licence stands."""
    lines = source.read_text().splitlines(keepends=True)
    return "".join(itertools.takewhile(lambda line: line.startswith("#"), lines))


def refuse_other_than_gaussian(params: Params) -> None:
    name = params.get("algo", {}).get("name")
    if name != validation.GAUSSIAN:
        raise ConfigError(
            f"params.algo.name: {name!r}; only rl_games' continuous PPO, {validation.GAUSSIAN}, "
            "can be swapped."
        )
    space = params.get("network", {}).get("space") or {}
    if "continuous" not in space:
        raise ConfigError(
            f"params.network.space: {list(space)}; a generative policy needs continuous actions."
        )
