"""Stand-in for Isaac Lab's play.py: in 2.3 and in 3.0 rl_games comes first, the tasks last."""

import session

args = session.arguments("play")

import gymnasium
import torch
from rl_games.common import env_configurations, vecenv
from rl_games.common.player import BasePlayer
from rl_games.torch_runner import Runner

from isaaclab_rl.rl_games import RlGamesGpuEnv, RlGamesVecEnvWrapper

import isaaclab_tasks
from isaaclab_tasks.utils.hydra import hydra_task_config

session.extension()


@hydra_task_config(args.task, args.agent)
def main(env_cfg, agent_cfg):
    session.play(args, env_cfg, agent_cfg)


if __name__ == "__main__":
    main()
