"""``params.network.flow``: the velocity network, which every flow policy has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rlg_genpo.common.checks import refuse_misspelt
from rlg_genpo.common.schema import at_least, one_of, option, parse, widths
from rlg_genpo.errors import ConfigError

ACTIVATION_NAMES = ("mish", "elu", "relu", "gelu", "silu", "swish", "tanh", "selu")

PATH = "params.network.flow"


@dataclass(frozen=True)
class FlowConfig:
    """What the flows of all policies have in common; a policy's own subclass adds the rest."""

    steps: int = option(5, "N, Euler steps from noise to action", at_least(1))
    condition: str = option(
        "features",
        "what the velocity sees: the trunk's features, or the (normalised) observation itself, "
        "as in the paper; then the trunk serves the critic alone",
        one_of(("features", "observation")),
    )
    units: tuple[int, ...] = option((64, 64), "hidden widths of the velocity MLP", widths())
    activation: str = option(
        "silu", "of the velocity MLP; the paper's is mish", one_of(ACTIVATION_NAMES)
    )
    time_embedding: int = option(32, "width of the time embedding, even", at_least(2))
    time_units: tuple[int, ...] = option((256, 256), "hidden widths of its MLP", widths())
    output_scale: float = option(
        0.01, "factor on the velocity's last layer at the start", at_least(0)
    )


Flow = TypeVar("Flow", bound=FlowConfig)


def parse_flow(kind: type[Flow], network: Mapping[str, Any]) -> Flow:
    """``flow:`` of a network block, with what it must agree with in the rest of that block."""
    refuse_misspelt(network, "flow", "params.network")
    flow = parse(kind, network.get("flow"), PATH)
    if flow.time_embedding % 2:
        raise ConfigError(f"{PATH}.time_embedding: must be even, got {flow.time_embedding}.")
    if flow.condition == "observation":
        for trunk in ("rnn", "cnn"):
            if trunk in network:
                raise ConfigError(
                    f"{PATH}.condition: 'observation' leaves the policy without the "
                    f"params.network.{trunk} trunk; use condition: features."
                )
    return flow
