"""Modules of ``isaaclab_tasks`` that need Isaac Sim, replaced by configurations of the stand-in.

The tasks themselves, with their ids and YAML files, are registered by the real package.
"""

import sys
from types import ModuleType

from isaaclab.envs.direct_marl_env import DirectMARLEnv, DirectMARLEnvCfg
from isaaclab.envs.direct_rl_env import DirectRLEnv, DirectRLEnvCfg
from isaaclab.envs.manager_based_rl_env import ManagerBasedRLEnvCfg
from isaaclab.utils import configclass


@configclass
class AsymmetricCfg(DirectRLEnvCfg):
    """The actor sees positions only, the critic the whole state."""

    mujoco_task: str = "HalfCheetah-v5"
    groups: dict[str, list[int]] = {"policy": [0, 8], "critic": [0, 17]}


@configclass
class GroupedCfg(DirectRLEnvCfg):
    """Two groups, which a YAML may ask for as a dictionary."""

    mujoco_task: str = "HalfCheetah-v5"
    groups: dict[str, list[int]] = {"policy": [0, 8], "velocities": [8, 17], "critic": [0, 17]}


MODULES = {
    # Isaac-Ant-v0
    "manager_based.classic.ant.ant_env_cfg": {"AntEnvCfg": ManagerBasedRLEnvCfg},
    # Isaac-Velocity-Flat-Anymal-D-v0 and its Play task
    "manager_based.locomotion.velocity.config.anymal_d.flat_env_cfg": {
        "AnymalDFlatEnvCfg": ManagerBasedRLEnvCfg,
        "AnymalDFlatEnvCfg_PLAY": ManagerBasedRLEnvCfg,
    },
    # Isaac-Repose-Cube-Shadow-OpenAI-LSTM-Direct-v0
    "direct.inhand_manipulation.inhand_manipulation_env": {"InHandManipulationEnv": DirectRLEnv},
    "direct.shadow_hand.shadow_hand_env_cfg": {"ShadowHandOpenAIEnvCfg": AsymmetricCfg},
    # Isaac-Ant-Direct-v0
    "direct.ant.ant_env": {"AntEnv": DirectRLEnv, "AntEnvCfg": GroupedCfg},
    # Isaac-Cart-Double-Pendulum-Direct-v0
    "direct.cart_double_pendulum.cart_double_pendulum_env": {
        "CartDoublePendulumEnv": DirectMARLEnv,
        "CartDoublePendulumEnvCfg": DirectMARLEnvCfg,
    },
}


def install() -> None:
    """Put the replacements where ``importlib`` finds them."""
    for name, contents in MODULES.items():
        module = ModuleType(f"isaaclab_tasks.{name}")
        vars(module).update(contents)
        sys.modules[module.__name__] = module
