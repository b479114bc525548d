"""PPO with a Laplace distribution: a policy of one's own, in a package of its own.

This file declares it and imports neither torch nor rl_games, since the declaration is also read
where these are not loaded yet.
"""

from dataclasses import dataclass

from rlg_genpo.algorithm import Algorithm
from rlg_genpo.common.config import PolicyConfig, block
from rlg_genpo.common.schema import option, positive


@dataclass(frozen=True)
class DistributionConfig:
    """``params.network.laplace``."""

    scale: float = option(0.4, "b, the distribution's scale at the start", positive())


@dataclass(frozen=True)
class LaplaceConfig(PolicyConfig):
    """Everything of the policy's own in an rl_games YAML."""

    laplace: DistributionConfig = block("network.laplace")

    def spread(self) -> str:
        return "params.network.laplace.scale"

    def summary(self) -> str:
        return f"Laplace distribution of scale {self.laplace.scale:g}"


ALGORITHM = Algorithm(
    name="laplace",
    title="Laplace PPO",
    config=LaplaceConfig,
    network="laplace_policy.policy:LaplaceBuilder",
    agent="rlg_genpo.common.ppo:PPOAgent",
    player="rlg_genpo.common.player:Player",
)
