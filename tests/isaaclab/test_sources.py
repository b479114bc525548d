"""Our YAMLs beside Isaac Lab's own settings, where its wheel (isaaclab 2.3.2) is installed."""

import ast
import copy
import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rlg_genpo.isaaclab.tasks import TASKS
from tests.isaaclab.test_configs import AGENTS, BASELINES, PAPER, params_of

try:
    wheel = metadata.distribution("isaaclab")
    SOURCES = Path(str(wheel.locate_file("isaaclab/source/isaaclab_tasks/isaaclab_tasks")))
except metadata.PackageNotFoundError:
    SOURCES = None

pytestmark = pytest.mark.skipif(
    SOURCES is None or not SOURCES.is_dir(), reason="isaaclab's wheel is not installed"
)

CLASSIC, VELOCITY = "manager_based/classic", "manager_based/locomotion/velocity/config"
SHADOW = "direct/shadow_hand/agents"

#: stem: Isaac Lab's rl_games YAML, and the number of environments it was written for
ON_TRUNK = {
    "ant_direct": ("direct/ant/agents/rl_games_ppo_cfg.yaml", 4096),
    "humanoid_direct": ("direct/humanoid/agents/rl_games_ppo_cfg.yaml", 4096),
    "cartpole": (f"{CLASSIC}/cartpole/agents/rl_games_ppo_cfg.yaml", 4096),
    "cartpole_direct": ("direct/cartpole/agents/rl_games_ppo_cfg.yaml", 4096),
    "cartpole_rgb_camera_direct": ("direct/cartpole/agents/rl_games_camera_ppo_cfg.yaml", 512),
    "repose_cube_shadow_openai_lstm_direct": (f"{SHADOW}/rl_games_ppo_lstm_cfg.yaml", 8192),
}

#: stem: folder of the task's agents, class of its rsl_rl config, folder and file of rl_games' YAML
FRANKA = "manager_based/manipulation/lift/config/franka/agents"
ANYMAL_C = f"{VELOCITY}/anymal_c/agents/rl_games"
OPEN = {
    "ant": (f"{CLASSIC}/ant/agents", "AntPPORunnerCfg", None),
    "humanoid": (f"{CLASSIC}/humanoid/agents", "HumanoidPPORunnerCfg", None),
    "lift_cube_franka": (FRANKA, "LiftCubePPORunnerCfg", None),
    "quadcopter_direct": ("direct/quadcopter/agents", "QuadcopterPPORunnerCfg", None),
    "velocity_flat_anymal_d": (
        f"{VELOCITY}/anymal_d/agents",
        "AnymalDFlatPPORunnerCfg",
        f"{ANYMAL_C}_flat_ppo_cfg.yaml",
    ),
    "velocity_rough_unitree_go2": (
        f"{VELOCITY}/go2/agents",
        "UnitreeGo2RoughPPORunnerCfg",
        f"{ANYMAL_C}_rough_ppo_cfg.yaml",
    ),
    "velocity_rough_h1": (
        f"{VELOCITY}/h1/agents",
        "H1RoughPPORunnerCfg",
        f"{ANYMAL_C}_rough_ppo_cfg.yaml",
    ),
    "repose_cube_shadow_direct": (SHADOW, "ShadowHandPPORunnerCfg", None),
}

#: stem: Isaac Lab's rl_games YAML, the number of environments it was written for, the env cfg
OF_TEAMS = {
    "cart_double_pendulum_direct": (
        "direct/cart_double_pendulum/agents/rl_games_ppo_cfg.yaml",
        4096,
        "direct/cart_double_pendulum/cart_double_pendulum_env.py",
    ),
    "shadow_hand_over_direct": (
        "direct/shadow_hand_over/agents/rl_games_ppo_cfg.yaml",
        2048,
        "direct/shadow_hand_over/shadow_hand_over_env_cfg.py",
    ),
}

#: rl_games' own YAML of every task of one agent that has one
SHIPPED = {
    **ON_TRUNK,
    **{
        stem: (f"{folder}/rl_games_ppo_cfg.yaml", 8192 if folder == SHADOW else 4096)
        for stem, (folder, _, borrowed) in OPEN.items()
        if borrowed is None
    },
}

#: keys that rl_games does not read at all (seq_len is Franka's slip), or that say its default
IDLE = ("d2rl", "regularizer", "print_stats", "games_num", "seq_len")
DEFAULTS = {
    "schedule_type": "legacy",
    "value_bootstrap": False,
    "clip_actions": True,
    "seq_length": 4,
}
INTERFACE = (
    "normalize_input",
    "normalize_value",
    "normalize_advantage",
    "value_bootstrap",
    "reward_shaper",
    "score_to_win",
    "save_best_after",
    "save_frequency",
    "clip_actions",
)


def read(file: str) -> dict[str, Any]:
    assert SOURCES is not None
    return plain(yaml.safe_load((SOURCES / file).read_text())["params"])


def plain(block: Any) -> Any:
    """Without idle keys, and with the numbers that YAML 1.1 leaves as text."""
    if isinstance(block, dict):
        return {key: plain(value) for key, value in block.items() if key not in IDLE}
    if isinstance(block, list):
        return [plain(value) for value in block]
    if isinstance(block, str) and re.fullmatch(r"[\d.]+e-\d+", block):
        return float(block)
    return block


def rsl_rl(folder: str, name: str) -> Any:
    """A task's rsl_rl config, without rsl_rl and Isaac Lab: its classes are data."""

    class Runner:
        def __init__(self) -> None:
            for cls in reversed(type(self).__mro__):
                for key, value in vars(cls).items():
                    if isinstance(value, SimpleNamespace | int | str):
                        setattr(self, key, copy.deepcopy(value))
            self.__post_init__()

        def __post_init__(self) -> None:
            pass

    assert SOURCES is not None
    source = (SOURCES / folder / "rsl_rl_ppo_cfg.py").read_text()
    source = re.sub(r"^(from|import) .*$", "", source, flags=re.MULTILINE)
    names: dict[str, Any] = {
        "configclass": lambda cls: cls,
        "RslRlOnPolicyRunnerCfg": Runner,
        "RslRlPpoActorCriticCfg": SimpleNamespace,
        "RslRlPpoAlgorithmCfg": SimpleNamespace,
        "RslRlSymmetryCfg": SimpleNamespace,
        "anymal": SimpleNamespace(compute_symmetric_states=None),
    }
    exec(compile(source, folder, "exec"), names)
    return names[name]()


@pytest.mark.parametrize(
    ("stem", "policy"),
    [
        *((stem, "genpo") for stem in SHIPPED),
        *((stem, "cppo") for stem in SHIPPED),
        *((stem, "ddpl") for stem in OF_TEAMS),
    ],
)
def test_everything_but_the_head_is_isaac_labs(stem: str, policy: str) -> None:
    file, envs = OF_TEAMS[stem][:2] if stem in OF_TEAMS else SHIPPED[stem]
    stock, ours = read(file), plain(params_of(f"{stem}_{policy}"))
    for block in (stock["config"], stock["config"].get("central_value_config", {})):
        if "minibatch_size" in block:
            block["minibatch_size_per_env"] = block.pop("minibatch_size") / envs
    if policy == "ddpl":
        stock["network"].pop("space")
    for block in ("flow", "residual", "agents", "diffusion", "action_value"):
        ours["network"].pop(block, None)
    if policy == "ddpl":
        # adaptive needs a likelihood
        assert (ours["config"].pop("lr_schedule"), stock["config"].pop("lr_schedule")) == (
            "linear",
            "adaptive",
        )
    for params in (stock, ours):
        params["network"].pop("name")
        params["config"].pop("name")
    ours["config"].pop("torch_compile")
    stock["config"] = {**DEFAULTS, "player": {"deterministic": True}, **stock["config"]}
    for block in ("network", "config", "env"):
        assert ours[block] == stock[block]
    assert ours["seed"] == stock["seed"]


@pytest.mark.parametrize(
    ("stem", "policy"),
    [*((stem, "genpo_paper") for stem in OPEN), *((stem, "ppo") for stem in BASELINES)],
)
def test_what_the_paper_leaves_open_is_isaac_labs(stem: str, policy: str) -> None:
    folder, name, file = OPEN[stem]
    params = params_of(f"{stem}_{policy}")
    config = params["config"]
    stock = read(file or f"{folder}/rl_games_ppo_cfg.yaml")
    cfg = rsl_rl(folder, name)
    assert config["horizon_length"] == cfg.num_steps_per_env
    assert config["max_epochs"] == cfg.max_iterations
    assert config["mini_epochs"] == cfg.algorithm.num_learning_epochs
    minibatches = config["horizon_length"] / config["minibatch_size_per_env"]
    assert minibatches == cfg.algorithm.num_mini_batches
    assert config["clip_value"] == cfg.algorithm.use_clipped_value_loss
    assert params["network"]["mlp"]["activation"] == cfg.policy.activation
    interface = {**DEFAULTS, **stock["config"]}
    if policy == "genpo_paper":
        # The paper's runs clipped no actions.
        interface["clip_actions"] = False
        del stock["env"]["clip_actions"]
    assert {key: config[key] for key in INTERFACE} == {key: interface[key] for key in INTERFACE}
    assert params["env"] == stock["env"]


@pytest.mark.parametrize("stem", BASELINES)
def test_a_baseline_is_the_tasks_rsl_rl_config(stem: str) -> None:
    folder, name, _ = OPEN[stem]
    params, cfg = params_of(f"{stem}_ppo"), rsl_rl(folder, name)
    network, config, algorithm = params["network"], params["config"], cfg.algorithm
    hidden = [cfg.policy.actor_hidden_dims, cfg.policy.critic_hidden_dims]
    assert [network["mlp"]["units"]] * 2 == hidden
    sigma = network["space"]["continuous"]
    assert cfg.policy.init_noise_std == 1.0 and sigma["sigma_init"]["val"] == 0
    assert config["critic_coef"] == 2 * algorithm.value_loss_coef
    pairs = {
        "learning_rate": algorithm.learning_rate,
        "lr_schedule": algorithm.schedule,
        "kl_threshold": algorithm.desired_kl,
        "entropy_coef": algorithm.entropy_coef,
        "gamma": algorithm.gamma,
        "tau": algorithm.lam,
        "e_clip": algorithm.clip_param,
        "grad_norm": algorithm.max_grad_norm,
        "normalize_input": cfg.policy.actor_obs_normalization,
    }
    assert {key: config[key] for key in pairs} == pairs


@pytest.mark.parametrize("stem", AGENTS)
def test_the_agents_are_those_of_isaac_labs_env_cfg(stem: str) -> None:
    assert SOURCES is not None
    source = (SOURCES / OF_TEAMS[stem][2]).read_text()

    def value(name: str) -> Any:
        (text,) = re.findall(rf"^    {name} = (.*)$", source, flags=re.MULTILINE)
        return ast.literal_eval(text)

    observed, acted = value("observation_spaces"), value("action_spaces")
    found = tuple((name, observed[name], acted[name]) for name in value("possible_agents"))
    assert found == AGENTS[stem]
    assert f"InteractiveSceneCfg(num_envs={OF_TEAMS[stem][1]}," in source


def test_the_tables_cover_the_same_tasks() -> None:
    assert set(OPEN) == set(PAPER)
    assert set(SHIPPED) | set(BASELINES) | set(OF_TEAMS) == set(TASKS)
