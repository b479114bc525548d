"""GenPO's network."""

from rlg_genpo.common.gaussian_base import GaussianBase
from rlg_genpo.common.network import FlowBuilder
from rlg_genpo.common.velocity import Velocity
from rlg_genpo.genpo.config import GenPOConfig
from rlg_genpo.genpo.coupled import Coupling
from rlg_genpo.genpo.policy import GenPO


class GenPOBuilder(FlowBuilder):
    """``network.name: genpo_actor_critic``."""

    settings: GenPOConfig

    def make_policy(self, velocity: Velocity, base: GaussianBase | None) -> GenPO:
        flow = self.settings.flow
        return GenPO(velocity, Coupling(*flow.coupling), base, flow.memory == "recompute")
