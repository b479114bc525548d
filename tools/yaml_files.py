"""What the generators of YAML files share."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from rlg_genpo.algorithm import algorithms

TASK_CONFIGS = Path(__file__).parent.parent / "task_configs"

GAUSSIAN_HEAD = """\
  algo:
    name: a2c_continuous

  model:
    name: continuous_a2c_logstd

  network:
    name: actor_critic
    separate: {separate}
"""

SPACE = """\
space:
  continuous:
    mu_activation: None
    sigma_activation: None
    mu_init:
      name: {mu_init}
    sigma_init:
      name: const_initializer
      val: {log_sigma}
    fixed_sigma: True
"""


def head(
    policy: str, rest: str, values: Mapping[str, Any] | None = None, preset: str | None = None
) -> str:
    """``algo``, ``model`` and ``network`` of one of our policies.

    Args:
        rest: the network's other keys, such as ``mlp``, not indented.
        values: what differs from the preset, by path below ``params``.
        preset: the policy's; its defaults if not given.
    """
    algorithm = algorithms()[policy]
    chosen = algorithm.presets[preset] if preset else {}
    return algorithm.yaml_head({**chosen, **(values or {})}, rest)


def gaussian_head(rest: str, separate: bool, log_sigma: str = "0") -> str:
    """The same of rl_games' own policy."""
    return GAUSSIAN_HEAD.format(separate=separate) + indent(space(log_sigma) + rest, "    ")


def space(log_sigma: str = "0", mu_init: str = "default") -> str:
    """rl_games' Gaussian, which stands alone or has a flow on it; ``mu_init`` may have options."""
    return SPACE.format(log_sigma=log_sigma, mu_init=mu_init)


def mlp(units: Sequence[int], activation: str = "elu", initializer: str = "{name: default}") -> str:
    """A trunk of rl_games."""
    return (
        f"mlp:\n  units: {list(units)}\n  activation: {activation}\n  initializer: {initializer}\n"
    )


def cppo_widths(units: Sequence[int], activation: str = "elu") -> dict[str, Any]:
    """CPPO's flow and kernel as wide as each other."""
    blocks = ("network.flow", "network.residual")
    return {f"{block}.units": units for block in blocks} | {
        f"{block}.activation": activation for block in blocks
    }


def run(doc: str | None, folder: Path, files: Mapping[str, str], generator: str) -> int:
    """The command line of a generator: write ``files`` (name to text), or check them."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    differing = []
    for name, text in files.items():
        path = folder / name
        if check and (not path.exists() or path.read_text() != text):
            differing.append(name)
        elif not check:
            path.write_text(text)
    for name in differing:
        print(f"{name}: differs from {generator}")
    return 1 if differing else 0
