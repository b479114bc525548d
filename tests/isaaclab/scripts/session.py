"""What Isaac Lab's scripts do between their imports and their end, for the stand-ins beside it.

Written for these tests after the order of things in Isaac Lab's train.py and play.py: arguments,
checkpoint, folders, environment, flattening of several agents, wrapper, registration, Runner.
Video, Weights & Biases and remote checkpoints are left out. All imports stand in functions, since
what is imported when is the point of the scripts.
"""

import argparse
import importlib
import os
import sys
from typing import Any


def arguments(description: str) -> argparse.Namespace:
    """Arguments of the real scripts; what argparse does not know is left to Hydra."""
    from isaaclab.app import AppLauncher

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task")
    parser.add_argument("--agent", default="rl_games_cfg_entry_point")
    parser.add_argument("--num_envs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--max_iterations", type=int)
    parser.add_argument("--checkpoint")
    parser.add_argument("--sigma")
    parser.add_argument("--distributed", action="store_true")
    parser.add_argument("--video", action="store_true")
    parser.add_argument("--video_length", type=int)
    parser.add_argument("--video_interval", type=int)
    parser.add_argument("--track", action="store_true")
    parser.add_argument("--wandb-project-name")
    parser.add_argument("--wandb-entity")
    parser.add_argument("--wandb-name")
    AppLauncher.add_app_launcher_args(parser)
    args, hydra_args = parser.parse_known_args()
    sys.argv = [sys.argv[0], *hydra_args]
    args.app = AppLauncher(args)
    return args


def extension() -> None:
    """The user's own package, which the real scripts leave a line for after Isaac Lab's tasks."""
    if "STAND_IN_EXTENSION" in os.environ:
        importlib.import_module(os.environ["STAND_IN_EXTENSION"])


def train(args: argparse.Namespace, env_cfg: Any, agent_cfg: dict[str, Any]) -> None:
    from isaaclab_rl.rl_games import MultiObserver, PbtAlgoObserver
    from rl_games.common.algo_observer import IsaacAlgoObserver
    from rl_games.torch_runner import Runner

    params = agent_cfg["params"]
    apply(args, env_cfg, params)
    if args.max_iterations is not None:
        params["config"]["max_epochs"] = args.max_iterations
    if args.distributed:
        params["seed"] += args.app.global_rank
        device = f"cuda:{args.app.local_rank}"
        params["config"].update(device=device, device_name=device, multi_gpu=True)
        env_cfg.sim.device = device
    run = {"train": True, "play": False, "sigma": None if args.sigma is None else float(args.sigma)}
    if args.checkpoint is not None:
        params["load_checkpoint"], params["load_path"] = True, args.checkpoint
        run["checkpoint"] = args.checkpoint
    params["config"]["train_dir"] = os.path.abspath(
        os.path.join("logs", "rl_games", params["config"]["name"])
    )
    params["config"].setdefault("full_experiment_name", "run")
    env = environment(args, env_cfg, params)
    observer = IsaacAlgoObserver()
    if agent_cfg.get("pbt", {}).get("enabled"):
        observer = MultiObserver([observer, PbtAlgoObserver(agent_cfg, args)])
    runner = Runner(observer)
    runner.load(agent_cfg)
    runner.reset()
    runner.run(run)
    env.close()


def play(args: argparse.Namespace, env_cfg: Any, agent_cfg: dict[str, Any]) -> None:
    import torch
    from rl_games.torch_runner import Runner

    params = agent_cfg["params"]
    apply(args, env_cfg, params)
    env = environment(args, env_cfg, params)
    params["load_checkpoint"], params["load_path"] = True, args.checkpoint
    runner = Runner()
    runner.load(agent_cfg)
    agent = runner.create_player()
    agent.restore(args.checkpoint)
    agent.reset()
    obs = env.reset()
    if isinstance(obs, dict):
        obs = obs["obs"]
    agent.get_batch_size(obs, 1)
    if agent.is_rnn:
        agent.init_rnn()
    rewards = []
    while args.app.app.is_running():
        with torch.inference_mode():
            obs = agent.obs_to_torch(obs)
            actions = agent.get_action(obs, is_deterministic=agent.is_deterministic)
            obs, reward, dones, _ = env.step(actions)
            if len(dones) > 0 and agent.is_rnn and agent.states is not None:
                for state in agent.states:
                    state[:, dones, :] = 0.0
        rewards.append(reward)
    env.close()
    print(f"PLAYED steps={len(rewards)} action={tuple(actions.shape)}", flush=True)
    print(f"PLAYED reward={torch.stack(rewards).mean().item():.4f}", flush=True)


def apply(args: argparse.Namespace, env_cfg: Any, params: dict[str, Any]) -> None:
    """Command-line arguments that both scripts write into the configurations."""
    if args.num_envs is not None:
        env_cfg.scene.num_envs = args.num_envs
    env_cfg.sim.device = args.device
    if args.seed is not None:
        params["seed"] = args.seed
    env_cfg.seed = params["seed"]


def environment(args: argparse.Namespace, env_cfg: Any, params: dict[str, Any]) -> Any:
    """The task, flattened where it has several agents, in Isaac Lab's own wrapper, registered."""
    import math

    import gymnasium
    from isaaclab.envs import DirectMARLEnv, multi_agent_to_single_agent
    from isaaclab_rl.rl_games import RlGamesGpuEnv, RlGamesVecEnvWrapper
    from rl_games.common import env_configurations, vecenv

    env = gymnasium.make(args.task, cfg=env_cfg, render_mode=None)
    if isinstance(env.unwrapped, DirectMARLEnv):
        env = multi_agent_to_single_agent(env)
    options = params["env"]
    env = RlGamesVecEnvWrapper(
        env,
        params["config"]["device"],
        options.get("clip_observations", math.inf),
        options.get("clip_actions", math.inf),
        options.get("obs_groups"),
        options.get("concate_obs_groups", True),
    )
    vecenv.register(
        "IsaacRlgWrapper", lambda name, count, **kwargs: RlGamesGpuEnv(name, count, **kwargs)
    )
    env_configurations.register(
        "rlgpu", {"vecenv_type": "IsaacRlgWrapper", "env_creator": lambda **kwargs: env}
    )
    params["config"]["num_actors"] = env.unwrapped.num_envs
    return env
