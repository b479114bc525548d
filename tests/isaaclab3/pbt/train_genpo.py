"""What Isaac Lab 3.0's population-based training can restart: a script that needs no subcommand.

Its observer restarts `python SCRIPT --task ... --seed ... --num_envs ...` with mutated settings and
forgets every other word; so the script says them. The task reports its score as a number, which the
observer's files need: what Isaac Lab's managers log are tensors, which it writes and cannot read.
"""

import sys

import gymnasium
from isaaclab_tasks.core import cartpole
from isaaclab_tasks.core.cartpole.cartpole_direct_env import CartpoleEnv


class ScoredCartpole(CartpoleEnv):
    """Cartpole whose score tells members of a population apart."""

    def _get_rewards(self):
        rewards = super()._get_rewards()
        self.extras["score"] = float(self.cfg.seed)
        return rewards


gymnasium.register(
    id="My-Cartpole",
    entry_point=f"{__name__}:ScoredCartpole",
    disable_env_checker=True,
    kwargs={
        "env_cfg_entry_point": f"{cartpole.__name__}.cartpole_direct_env_cfg:CartpoleEnvCfg",
        "rl_games_cfg_entry_point": f"{cartpole.__name__}.agents:rl_games_direct_ppo_cfg.yaml",
    },
)

if __name__ == "__main__":
    from isaaclab_rl.entrypoints import run_train_cli

    chosen = ["--rl_library", "rl_games", "--agent", "rl_games_genpo_cfg_entry_point"]
    sys.exit(run_train_cli([*chosen, "--device", "cpu", *sys.argv[1:]]))
