"""Conditional PPO: a Gaussian step on a frozen flow, distilled into it."""

from rlg_genpo.algorithm import Algorithm, Paper
from rlg_genpo.cppo.config import CPPOConfig

ALGORITHM = Algorithm(
    name="cppo",
    title="Conditional PPO, in part our reconstruction: a Gaussian step on a frozen flow",
    paper=Paper(
        "Diffusion Policy through Conditional Proximal Policy Optimization",
        2026,
        "https://arxiv.org/abs/2603.04790",
    ),
    config=CPPOConfig,
    network="rlg_genpo.cppo.network:CPPOBuilder",
    agent="rlg_genpo.cppo.agent:CPPOAgent",
    player="rlg_genpo.common.player:Player",
    presets={
        "paper": {
            "algo.regulariser": "langevin",
            "algo.ema": 0.9,
            "algo.distill_epochs": 15,
            "network.flow.base": "standard",
        }
    },
)
