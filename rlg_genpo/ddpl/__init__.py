"""DDPL: one diffusion policy per agent, reconstructed from the paper's abstract."""

from rlg_genpo.algorithm import Algorithm, Paper
from rlg_genpo.ddpl.config import DDPLConfig

ALGORITHM = Algorithm(
    name="ddpl",
    title="DDPL, reconstructed from its abstract: one diffusion policy per agent",
    paper=Paper(
        "Decentralized Diffusion Policy Learning for Enhanced Exploration in Cooperative "
        "Multi-agent Reinforcement Learning",
        2026,
        "https://arxiv.org/abs/2605.07101",
    ),
    config=DDPLConfig,
    network="rlg_genpo.ddpl.network:DDPLBuilder",
    agent="rlg_genpo.ddpl.agent:DDPLAgent",
    player="rlg_genpo.ddpl.player:DDPLPlayer",
    joins_agents=True,
    swap_note="""\
The agents are read from the environment, where it names them. Where it does not, list them in the
order of their slices: network.agents: [{name: NAME, obs: O, act: D}, ...]
A step is one row: from native agents, divide minibatch_size by their number.
adaptive became linear (constant without max_epochs): a diffusion policy has no likelihood to
measure a KL by.
""",
)
