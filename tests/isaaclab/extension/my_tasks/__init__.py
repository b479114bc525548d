"""A user's own package of tasks, which knows of GenPO from its YAML files only."""

import gymnasium


def register(task: str, env: str, cfg: str, file: str) -> None:
    gymnasium.register(
        id=task,
        entry_point=env,
        disable_env_checker=True,
        kwargs={
            "env_cfg_entry_point": cfg,
            "rl_games_genpo_cfg_entry_point": f"{__name__}:{file}",
        },
    )


register(
    "My-Cheetah-v0",
    "isaaclab.envs.direct_rl_env:DirectRLEnv",
    "isaaclab.envs.tasks:GroupedCfg",
    "dictionary.yaml",
)
register(
    "My-Two-Agents-v0",
    "isaaclab.envs.direct_marl_env:DirectMARLEnv",
    "isaaclab.envs.direct_marl_env:DirectMARLEnvCfg",
    "two_agents.yaml",
)
