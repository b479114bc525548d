"""What the generators of YAML files share."""

import argparse
from collections.abc import Mapping
from pathlib import Path

TASK_CONFIGS = Path(__file__).parent.parent / "task_configs"

GAUSSIAN_HEAD = """\
  algo:
    name: a2c_continuous

  model:
    name: continuous_a2c_logstd

  network:
    name: actor_critic
    separate: {separate}
    space:
      continuous:
        mu_activation: None
        sigma_activation: None
        mu_init:
          name: default
        sigma_init:
          name: const_initializer
          val: 0
        fixed_sigma: True
"""

GENPO_HEAD = """\
  algo:
    name: genpo
    compression_coef: 0.01      # nu
    compression_fraction: 0.25  # of each minibatch, drawn afresh for the compression loss

  model:
    name: genpo

  network:
    name: genpo_actor_critic
    separate: {separate}
    flow:
      steps: 5                  # N
      mix: 0.9                  # p
      condition: features       # the velocity stands on the trunk
      units: {velocity_units}
      activation: silu
"""


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
