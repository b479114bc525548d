"""A user's own package of tasks, which knows of our policies from its YAML files only."""

import gymnasium


def register(task: str, env: str, cfg: str, **files: str) -> None:
    """A task with a YAML file for each policy."""
    gymnasium.register(
        id=task,
        entry_point=env,
        disable_env_checker=True,
        kwargs={
            "env_cfg_entry_point": cfg,
            **{
                f"rl_games_{policy}_cfg_entry_point": f"{__name__}:{file}"
                for policy, file in files.items()
            },
        },
    )


register(
    "My-Cheetah-v0",
    "isaaclab.envs.direct_rl_env:DirectRLEnv",
    "isaaclab.envs.tasks:GroupedCfg",
    genpo="dictionary.yaml",
)
register(
    "My-Two-Agents-v0",
    "isaaclab.envs.direct_marl_env:DirectMARLEnv",
    "isaaclab.envs.direct_marl_env:DirectMARLEnvCfg",
    genpo="two_agents.yaml",
    ddpl="two_agents_ddpl.yaml",
)
