"""``rlg-genpo swap``: a Gaussian rl_games YAML turned into one of ours, the rest as it was."""

import copy
import itertools
import logging
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import configs, validation
from rlg_genpo.cli.configs import Params
from rlg_genpo.common.config import block_at
from rlg_genpo.common.schema import unknown
from rlg_genpo.common.yaml_head import WIDTH
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import check, keys
from rlg_genpo.host.keys import LR_SCHEDULES

logger = logging.getLogger(__name__)

#: rl_games' usual model
LOG_SIGMA = "continuous_a2c_logstd"
#: blocks of ``params`` that name the policy
REPLACED = ("algo", "model", "network")


def swap(word: str, policy: str, preset: str = "default") -> str:
    """The YAML text of a shipped configuration or a file, with the policy in the Gaussian's place.

    Trunk, rollout, learning rate and everything else stay as they were; ``config.name`` gets the
    policy's name behind it, so that the runs lie in another folder. Comments are lost but those at
    the file's head.
    """
    source = configs.find(word)
    configs.load(source)  # refuses what is no block of params
    content = configs.text_of(source)
    document = configs.parsed(content)
    # Neither the Gaussian's run folder nor that of a shipped configuration.
    text = swapped(document, source.stem, policy, f"_swapped_{policy}", preset)
    title = f"{source.name} with the policy {policy}, by `rlg-genpo swap`; settings untuned.\n"
    # The comment that a file begins with is where its licence stands.
    licence = itertools.takewhile(lambda line: line.startswith("#"), content.splitlines(True))
    note = algorithms()[policy].swap_note
    return textwrap.indent(title + note, "# ") + "".join(licence) + text


def document(gaussian: Mapping[str, Any], policy: str) -> dict[str, Any]:
    """What :func:`swap` makes of a Gaussian's document, for Isaac Lab's tasks without our files."""
    text = swapped(copy.deepcopy(dict(gaussian)), "task", policy, f"_{policy}")
    return configs.parsed(text)


def swapped(
    document: dict[str, Any], name: str, policy: str, ending: str, preset: str = "default"
) -> str:
    """YAML text of a Gaussian's document, changed in place, with the policy in its place.

    Args:
        name: of runs whose ``config.name`` is missing.
        ending: what is put behind ``config.name``.
    """
    algorithm = chosen(algorithms(), policy, "policy")
    preset_values = chosen({"default": {}, **algorithm.presets}, preset, "preset")
    params = document["params"]
    refuse_other_than_gaussian(params)
    config: Any = block_at(params, "config")
    leave_out_ignored(config)
    config["name"] = f"{config.get('name', name)}{ending}"
    if config.get("lr_schedule") not in LR_SCHEDULES:
        # rl_games keeps the rate constant on a word that it does not know, such as "fixed".
        config["lr_schedule"] = "constant"
    values = {**preset_values, **algorithm.config.adapt(params)}
    trunk = {key: value for key, value in params["network"].items() if key != "name"}
    if not algorithm.config.reads_space or values.get("network.flow.base") == "standard":
        del trunk["space"]
    head = algorithm.yaml_head(values, dump(trunk))
    others = {key: value for key, value in params.items() if key not in REPLACED}
    text = f"params:\n{head}\n{textwrap.indent(dump(others), '  ')}"
    text += dump({key: value for key, value in document.items() if key != "params"})
    algorithm.settings(configs.parsed(text)["params"])
    return text


def leave_out_ignored(config: dict[str, Any]) -> None:
    """Drop slips of a key, which rl_games ignores for the Gaussian and we refuse.

    Several of Isaac Lab's own files have ``seq_len``.
    """
    known = keys.names(("config",)) or set()
    absent = sorted(known - config.keys())
    slips = {key: check.slip(str(key), absent, ()) for key in config if key not in known}
    for key, meant in slips.items():
        if meant is not None:
            logger.warning(
                "params.config.%s: left out, since rl_games ignores it; did you mean '%s'?",
                key,
                meant,
            )
            del config[key]


def chosen(known: Mapping[str, Any], name: str, noun: str) -> Any:
    """What the user names on the command line."""
    if name not in known:
        raise ConfigError(f"--{noun} {name}: {unknown(name, known, noun)}")
    return known[name]


def warm_start(text: str, policy: str, checkpoint: Path, out: Path) -> None:
    """Write to ``out`` what training goes on from: the policy of the YAML ``text`` as a Gaussian.

    Raises:
        CheckpointError: the checkpoint is no Gaussian's, or not that of the YAML.
    """
    # torch is slow to import, and a swap without a checkpoint does without it.
    import torch

    from rlg_genpo import registration
    from rlg_genpo.cli.runs import Checkpoint, Run
    from rlg_genpo.common import warm_start

    registration.register()
    params = configs.parsed(text)["params"]
    settings = algorithms()[policy].settings(params)
    weights = Checkpoint(checkpoint, Run(checkpoint.parent)).load()
    torch.save(warm_start.convert(weights, params, policy, settings), out)


def dump(block: Mapping[str, Any]) -> str:
    """A block as YAML text; nothing where it is empty."""
    # Lists and blocks of plain values stand on one line.
    text = yaml.safe_dump(dict(block), sort_keys=False, default_flow_style=None, width=WIDTH)
    return text if block else ""


def refuse_other_than_gaussian(params: Params) -> None:
    name = params.get("algo", {}).get("name")
    if name != validation.GAUSSIAN:
        raise ConfigError(
            f"params.algo.name: {name!r}; only rl_games' continuous PPO, {validation.GAUSSIAN}, "
            "can be swapped."
        )
    model = params.get("model", {}).get("name")
    if model != LOG_SIGMA:
        raise ConfigError(
            f"params.model.name: {model!r}; only {LOG_SIGMA}, whose sigma is a logarithm, can be "
            "swapped."
        )
    space = params.get("network", {}).get("space") or {}
    if "continuous" not in space:
        raise ConfigError(
            f"params.network.space: {list(space)}; a generative policy needs continuous actions."
        )
