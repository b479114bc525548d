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
    compression_fraction: {fraction:<6}# of each minibatch, drawn afresh for the compression loss

  model:
    name: genpo

  network:
    name: genpo_actor_critic
    separate: {separate}
    flow:
      steps: {steps}                  # N
      mix: 0.9                  # p
      condition: features       # the velocity stands on the trunk
      units: {velocity_units}
      activation: silu
      time_embedding: {embedding}
      time_units: {time_units}
"""


def genpo_head(
    units: str, separate: bool = False, fast: bool = False, steps: int | None = None
) -> str:
    """GenPO's algo, model and the head of its network, on the trunk's features.

    ``fast`` is the cheapest of the heads tried that learns HalfCheetah and Ant no worse than the
    paper's network (docs/RESULTS.md): three steps, one hidden layer, fresh samples at an eighth of
    the states.
    """
    return GENPO_HEAD.format(
        velocity_units=units,
        separate=separate,
        steps=steps or (3 if fast else 5),
        fraction=0.125 if fast else 0.25,
        embedding=16 if fast else 32,
        time_units="[32]" if fast else "[256, 256]",
    )


CPPO_HEAD = """\
  algo:
    name: cppo
    regulariser: langevin       # holds the kernel: a step towards a normal of this spread
    regulariser_scale: {regulariser_scale}
    regulariser_coef: 0.02      # c
    ema: {ema:<23}# rho, what the reference keeps of itself in an iteration
    distill_epochs: 15          # of flow matching, after PPO's
    distill_minibatches: 4
    distill_lr: {distill_lr:<16}# of the flow's own Adam
    deployment: null            # of players: flow_ema, flow, residual_mean, residual_sample

  model:
    name: cppo

  network:
    name: cppo_actor_critic
    separate: {separate}
    flow:
      steps: 8                  # N
      condition: {condition:<15}# {seen}
      units: {units}
      activation: {activation}
      noise_scale: {noise_scale:<13}# standard deviation of a_k at the start
    residual:
      units: {units}
      activation: {activation}
      sigma: {sigma:<19}# the kernel's standard deviation at the start
"""

#: what ``condition`` says of a CPPO file's parts
SEEN = {
    "observation": "flow and kernel see the observation; mlp is the critic's alone",
    "features": "flow and kernel stand on the trunk",
}


def cppo_head(
    units: str,
    activation: str = "elu",
    condition: str = "observation",
    separate: bool = False,
    noise_scale: float = 1.0,
    sigma: float = 0.5,
    distill_lr: str = "1.0e-3",
    ema: float = 0.9,
    regulariser_scale: float = 1.0,
) -> str:
    """CPPO's algo, model and the head of its network; ``units`` are the flow's and the kernel's."""
    return CPPO_HEAD.format(
        units=units,
        activation=activation,
        condition=condition,
        seen=SEEN[condition],
        separate=separate,
        noise_scale=noise_scale,
        sigma=sigma,
        distill_lr=distill_lr,
        ema=ema,
        regulariser_scale=regulariser_scale,
    )


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
