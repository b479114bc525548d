"""Stand-in for Isaac Lab 2.3's train.py, with its order of imports.

rl_games comes first, then Isaac Lab's wrapper (which imports the old ``gym``), then the tasks: the
door opens before there is a task to add anything to.
"""

import session

args = session.arguments("train")

import gymnasium
from rl_games.common import env_configurations, vecenv
from rl_games.common.algo_observer import IsaacAlgoObserver
from rl_games.torch_runner import Runner

from isaaclab.envs import DirectMARLEnv, multi_agent_to_single_agent
from isaaclab_rl.rl_games import RlGamesGpuEnv, RlGamesVecEnvWrapper

import isaaclab_tasks
from isaaclab_tasks.utils.hydra import hydra_task_config

session.extension()


@hydra_task_config(args.task, args.agent)
def main(env_cfg, agent_cfg):
    session.train(args, env_cfg, agent_cfg)


if __name__ == "__main__":
    main()
