"""``params.network``: the velocity network of every flow policy, and the Gaussian it stands on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rlg_genpo.common import schema
from rlg_genpo.common.config import PolicyConfig, refuse_trunks
from rlg_genpo.common.schema import Valid, at_least, even, one_of, option, widths
from rlg_genpo.errors import ConfigError

ACTIVATION_NAMES = ("mish", "elu", "relu", "gelu", "silu", "swish", "tanh", "selu")

PATH = "params.network.flow"
SPACE = "params.network.space.continuous"

BASES = ("gaussian", "standard")
PARAMETRIZATIONS = ("exp", "softplus", "linear", "scalar")


def _named() -> Valid:
    text = "a block with a name, such as {name: default}"
    return Valid(text, lambda value: isinstance(value, Mapping) and "name" in value)


@dataclass(frozen=True)
class SpaceConfig:
    """``params.network.space.continuous``, rl_games' own block, with its keys up to 2.0."""

    mu_activation: str = option("None", "what mu passes through")
    sigma_activation: str = option("None", "what the raw sigma passes through")
    mu_init: Mapping | None = option(
        None, "initialiser of mu's weights (null: the trunk's)", _named()
    )
    sigma_init: Mapping | None = option(
        None, "initialiser of the raw sigma (null: the constant 0)", _named()
    )
    fixed_sigma: bool = option(True, "whether sigma is a parameter and not a function of the state")
    min_sigma: float = option(0.0, "added to sigma, so that it never falls below", at_least(0))
    logstd_bounds: tuple[float, ...] | None = option(
        None,
        "where log sigma is clamped, [low, high] (null: nowhere)",
        Valid("[low, high]", lambda bounds: len(bounds) == 2 and bounds[0] < bounds[1]),
    )
    sigma_parametrization: str = option(
        "exp", "how sigma is made of the raw one", one_of(PARAMETRIZATIONS)
    )


@dataclass(frozen=True)
class FlowConfig:
    """What the flows of all policies have in common; a policy's own subclass adds the rest."""

    steps: int = option(5, "N, Euler steps from noise to action", at_least(1), identity=True)
    base: str = option(
        "gaussian",
        "what the flow stands on; `gaussian`: mu(s) and sigma of `network.space.continuous`, so "
        "that the policy starts as that Gaussian; `standard`: the standard normal, as in the paper",
        one_of(BASES),
        identity=True,
    )
    condition: str | None = option(
        None,
        "what the velocity sees; `observation`: the (normalised) observation itself, as in the "
        "paper; `features`: the trunk's features; `null`: the observation where it is a vector and "
        "the trunk has no CNN or RNN, else the features",
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
        0.0, "factor on the velocity's last layer at the start", at_least(0)
    )

    @property
    def based(self) -> bool:
        """Whether it stands on the Gaussian of ``network.space``."""
        return self.base == "gaussian"

    def place(self) -> str:
        """What it stands on and sees, in a few words."""
        seen = f" on the {self.condition}" if self.condition else ""
        return f"base {self.base}{seen}"

    @property
    def times(self) -> tuple[float, ...]:
        """Where the flow evaluates its velocity: k/N for each step k."""
        return tuple(k / self.steps for k in range(self.steps))

    def check(self, network: Mapping[str, Any]) -> None:
        """Hold the flow against the trunk of its ``params.network``.

        Raises:
            ConfigError: the flow would leave a recurrent or convolutional trunk aside.
        """
        space_of(network)
        if self.condition == "observation":
            refuse_trunks(
                network,
                f"{PATH}.condition: 'observation' leaves the policy without the {{trunk}} trunk; "
                "use condition: features.",
            )


class FlowPolicyConfig(PolicyConfig):
    """Settings with a flow; a subclass declares it, and is the dataclass."""

    reads_space: ClassVar[bool] = True
    formerly: ClassVar[Mapping[str, Any]] = {f"{PATH}.base": "standard"}
    flow: Any  # a FlowConfig

    def check(self, params: Mapping[str, Any]) -> None:
        self.flow.check(params["network"])
        super().check(params)

    def departs(self) -> str | None:
        if not self.flow.based:
            return f"{PATH}.base: {self.flow.base}"
        if self.flow.output_scale:
            return f"{PATH}.output_scale: {self.flow.output_scale:g}"
        return None


def space_of(network: Mapping[str, Any]) -> SpaceConfig:
    """The block of a ``params.network``; rl_games' usual one where there is none.

    Raises:
        ConfigError: naming the key, the value and the way out.
    """
    space = network.get("space") or {"continuous": None}
    if not isinstance(space, Mapping) or "continuous" not in space:
        shown = list(space) if isinstance(space, Mapping) else space
        raise ConfigError(
            f"params.network.space: {shown}; a flow's actions are continuous: write a block "
            "continuous, or leave space out for rl_games' usual one."
        )
    return schema.parse(SpaceConfig, space["continuous"], SPACE)
