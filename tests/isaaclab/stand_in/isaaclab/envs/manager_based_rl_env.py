"""Stand-in for Isaac Lab's manager-based environment: here the same as the direct one."""

from isaaclab.envs.cfg import TaskCfg
from isaaclab.envs.direct_rl_env import DirectRLEnv
from isaaclab.utils import configclass


@configclass
class ManagerBasedRLEnvCfg(TaskCfg):
    pass


class ManagerBasedRLEnv(DirectRLEnv):
    pass
