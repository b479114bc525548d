"""Stand-in for ``isaaclab.envs``: the classes that its users name, over MuJoCo through envpool.

Spaces, flattening of several agents and everything else that is pure Python is the real package's.
"""

import isaaclab

__path__.append(str(isaaclab.SOURCE / "isaaclab" / "isaaclab" / "envs"))

from isaaclab.envs.common import VecEnvObs
from isaaclab.envs.direct_marl_env import DirectMARLEnv, DirectMARLEnvCfg
from isaaclab.envs.direct_rl_env import DirectRLEnv, DirectRLEnvCfg
from isaaclab.envs.manager_based_rl_env import ManagerBasedRLEnv, ManagerBasedRLEnvCfg
from isaaclab.envs.tasks import install
from isaaclab.envs.utils.marl import multi_agent_to_single_agent

__all__ = [
    "DirectMARLEnv",
    "DirectMARLEnvCfg",
    "DirectRLEnv",
    "DirectRLEnvCfg",
    "ManagerBasedRLEnv",
    "ManagerBasedRLEnvCfg",
    "VecEnvObs",
    "multi_agent_to_single_agent",
]

install()
