"""What every task's configuration has, as Isaac Lab's own ``configclass``."""

from isaaclab.utils import configclass


@configclass
class SimCfg:
    device: str = "cpu"


@configclass
class SceneCfg:
    num_envs: int = 16


@configclass
class TaskCfg:
    """The fields that the scripts read and write, and which MuJoCo task stands for the real one."""

    sim: SimCfg = SimCfg()
    scene: SceneCfg = SceneCfg()
    seed: int | None = None
    is_finite_horizon: bool = False
    log_dir: str | None = None
    mujoco_task: str = "Ant-v5"
    #: observation groups by name, as first and last column of the MuJoCo observation
    groups: dict[str, list[int]] = {"policy": [0, 105]}
