"""``params.network.flow``: the velocity network, which every flow policy has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlg_genpo.common.config import refuse_trunks
from rlg_genpo.common.schema import at_least, even, one_of, option, widths

ACTIVATION_NAMES = ("mish", "elu", "relu", "gelu", "silu", "swish", "tanh", "selu")

PATH = "params.network.flow"


@dataclass(frozen=True)
class FlowConfig:
    """What the flows of all policies have in common; a policy's own subclass adds the rest."""

    steps: int = option(5, "N, Euler steps from noise to action", at_least(1), identity=True)
    condition: str = option(
        "features",
        "what the velocity sees; `features`: the trunk's features; `observation`: the (normalised) "
        "observation itself, as in the paper, and the trunk serves the critic alone",
        one_of(("features", "observation")),
        identity=True,
    )
    units: tuple[int, ...] = option((64, 64), "hidden widths of the velocity's MLP", widths())
    activation: str = option(
        "silu",
        "activation of the velocity's MLP",
        one_of(ACTIVATION_NAMES),
        identity=True,
    )
    time_embedding: int = option(32, "width of the time embedding, an even number", even())
    time_units: tuple[int, ...] = option(
        (256, 256), "hidden widths of the time embedding's MLP", widths()
    )
    output_scale: float = option(
        0.01, "factor on the velocity's last layer at the start", at_least(0)
    )

    @property
    def times(self) -> tuple[float, ...]:
        """Where the flow evaluates its velocity: k/N for each step k."""
        return tuple(k / self.steps for k in range(self.steps))

    def check(self, network: Mapping[str, Any]) -> None:
        """Hold the flow against the trunk of its ``params.network``.

        Raises:
            ConfigError: the flow would leave a recurrent or convolutional trunk aside.
        """
        if self.condition == "observation":
            refuse_trunks(
                network,
                f"{PATH}.condition: 'observation' leaves the policy without the {{trunk}} trunk; "
                "use condition: features.",
            )


def fitting(network: Mapping[str, Any]) -> dict[str, Any]:
    """For a swap: a flow cannot see the observation by itself under a CNN or a recurrent trunk."""
    if "rnn" in network or "cnn" in network:
        return {"network.flow.condition": "features"}
    return {}
