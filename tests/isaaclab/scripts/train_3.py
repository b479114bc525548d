"""Stand-in for Isaac Lab 3.0's train.py, with its order of imports.

The tasks come first, at the top of the file; rl_games and then the wrapper are imported when the
run begins. With rl_games 1.6.1 the old ``gym`` is imported by rl_games, half imported then. The
configuration is resolved by 2.3's Hydra decorator, since 3.0 is in no wheel.
"""

import isaaclab  # 3.0's packages are all installed; here its stand-in finds the others
import session

import isaaclab_tasks

session.extension()


def run() -> None:
    from rl_games.common import env_configurations, vecenv
    from rl_games.common.algo_observer import IsaacAlgoObserver
    from rl_games.torch_runner import Runner

    from isaaclab.envs import DirectMARLEnvCfg
    from isaaclab_rl.rl_games import RlGamesGpuEnv, RlGamesVecEnvWrapper
    from isaaclab_tasks.utils.hydra import hydra_task_config

    args = session.arguments("train")

    @hydra_task_config(args.task, args.agent)
    def main(env_cfg, agent_cfg):
        session.train(args, env_cfg, agent_cfg)

    main()


if __name__ == "__main__":
    run()
