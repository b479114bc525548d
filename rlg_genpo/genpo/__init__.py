"""GenPO: an invertible flow on a doubled action, with an exact likelihood."""

from rlg_genpo.algorithm import Algorithm, Paper
from rlg_genpo.genpo.config import GenPOConfig

ALGORITHM = Algorithm(
    name="genpo",
    title="GenPO: an invertible flow on a doubled action",
    paper=Paper(
        "GenPO: Generative Diffusion Models Meet On-Policy Reinforcement Learning",
        2025,
        "https://arxiv.org/abs/2505.18763",
    ),
    config=GenPOConfig,
    network="rlg_genpo.genpo.network:GenPOBuilder",
    agent="rlg_genpo.genpo.agent:GenPOAgent",
    player="rlg_genpo.common.player:Player",
    presets={
        "paper": {
            "algo.compression_coef": 0.01,
            "algo.min_lr": 1e-5,
            "algo.max_lr": None,
            "algo.compression_fraction": 1.0,
            "network.flow.base": "standard",
            "network.flow.output_scale": 0.01,
            "network.flow.steps": 5,
            "network.flow.condition": "observation",
            "network.flow.activation": "mish",
            "network.flow.time_embedding": 32,
            "network.flow.time_units": [256, 256],
        },
    },
)
