"""The YAML files for Isaac Lab's tasks: their numbers, and that rl_games trains and plays each.

The environments here have the tasks' sizes (Isaac Lab 2.3.2's env cfgs) and the face of its
rl_games wrapper; nothing of Isaac Lab itself runs.
"""

import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rl_games.algos_torch import model_builder
from rl_games.common import env_configurations, experience, vecenv
from rl_games.common.ivecenv import IVecEnv
from rl_games.torch_runner import Runner

from rlg_genpo import cli
from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import checking, configs, validation
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.cppo.config import AlgoConfig as CPPOAlgo
from rlg_genpo.ddpl.config import AlgoConfig as DDPLAlgo
from rlg_genpo.errors import ConfigError
from rlg_genpo.genpo.config import AlgoConfig as GenPOAlgo
from rlg_genpo.genpo.config import CoupledFlowConfig
from rlg_genpo.host.batch import minibatch_size
from rlg_genpo.isaaclab import tasks as isaaclab_tasks
from rlg_genpo.isaaclab.tasks import (
    BASELINE,
    BASELINE_KEY,
    TASKS,
    Shipped,
    agent_key,
    entry_points,
    policies,
    task,
)
from rlg_genpo.registration import enter_runner

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "task_configs" / "isaaclab"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

#: stem: (observation, action, state) widths
SIZES = {
    "ant": ((60,), 8, 0),
    "humanoid": ((87,), 21, 0),
    "lift_cube_franka": ((36,), 8, 0),
    "quadcopter_direct": ((12,), 4, 0),
    "velocity_flat_anymal_d": ((48,), 12, 0),
    "velocity_rough_unitree_go2": ((235,), 12, 0),
    "velocity_rough_h1": ((256,), 19, 0),
    "repose_cube_shadow_direct": ((157,), 20, 0),
    "ant_direct": ((36,), 8, 0),
    "humanoid_direct": ((75,), 21, 0),
    "cartpole": ((4,), 1, 0),
    "cartpole_direct": ((4,), 1, 0),
    "cartpole_rgb_camera_direct": ((100, 100, 3), 1, 0),
    "repose_cube_shadow_openai_lstm_direct": ((42,), 20, 187),
    # Flattened, as rl_games gets them; the critic of the state is not theirs there.
    "cart_double_pendulum_direct": ((4 + 3,), 1 + 1, 0),
    "shadow_hand_over_direct": ((157 + 157,), 20 + 20, 0),
}

#: Isaac Lab 2.3.2's env cfgs: possible_agents in order, with observation and action widths
AGENTS = {
    "cart_double_pendulum_direct": (("cart", 4, 1), ("pendulum", 3, 1)),
    "shadow_hand_over_direct": (("right_hand", 157, 20), ("left_hand", 157, 20)),
}

#: the paper's table: (hidden widths, learning rate, entropy coefficient, gamma)
PAPER = {
    "ant": ([400, 200, 100], 1e-3, 0.01, 0.99),
    "humanoid": ([400, 200, 100], 5e-4, 0.01, 0.99),
    "lift_cube_franka": ([256, 128, 64], 1e-4, 0.006, 0.98),
    "quadcopter_direct": ([64, 64], 5e-4, 0.01, 0.99),
    "velocity_flat_anymal_d": ([128, 128, 128], 1e-3, 0.005, 0.99),
    "velocity_rough_unitree_go2": ([512, 256, 128], 1e-3, 0.01, 0.99),
    "velocity_rough_h1": ([512, 256, 128], 1e-3, 0.01, 0.99),
    "repose_cube_shadow_direct": ([512, 512, 256, 128], 5e-4, 0.005, 0.99),
}

ENVS = 4
#: the old gym's in rl_games 1.6.1, as in Isaac Lab's wrapper; gymnasium's since
Box = experience.gym.spaces.Box
#: stems of tasks that Isaac Lab ships no rl_games config for, which have a Gaussian of ours
BASELINES = ("velocity_flat_anymal_d", "velocity_rough_unitree_go2", "velocity_rough_h1")
#: stems of tasks with one agent
ALONE = sorted(set(SIZES) - set(AGENTS))
every_config = pytest.mark.parametrize("name", NAMES)


def params_of(name: str) -> dict[str, Any]:
    # YAML 1.1, as Isaac Lab reads it.
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["params"]


def stem_of(name: str) -> str:
    return name.removesuffix("_paper").rpartition("_")[0]


def settings_of(name: str) -> Any:
    """The policy's settings of one of our YAMLs."""
    params = params_of(name)
    settings = algorithms()[params["algo"]["name"]].settings(params)
    assert isinstance(settings, PolicyConfig)
    return settings


def test_every_task_has_its_files_and_no_other_lies_there() -> None:
    assert set(TASKS) == set(SIZES)
    for stem in TASKS:
        alone = ["cppo", "genpo"]
        alone += ["genpo_paper"] * (stem in PAPER) + ["ppo"] * (stem in BASELINES)
        assert policies()[stem] == (("ddpl",) if stem in AGENTS else tuple(alone))
    assert set(NAMES) == {f"{stem}_{name}" for stem, names in policies().items() for name in names}


@every_config
def test_what_isaac_labs_scripts_read_is_there(name: str) -> None:
    params = params_of(name)
    config = params["config"]
    # The paper's runs clipped no actions.
    assert params["env"].get("clip_actions", 0) > 0 or name.endswith("_paper")
    assert config["name"] == name
    assert (config["device"], config["device_name"]) == ("cuda:0", "cuda:0")
    assert (config["env_name"], config["num_actors"], config["multi_gpu"]) == ("rlgpu", -1, False)
    assert config["max_epochs"] > 0 and "full_experiment_name" not in config
    assert config["player"]["deterministic"] is True
    assert (params["load_checkpoint"], params["load_path"]) == (False, "")


@every_config
def test_hydra_overrides_every_option_without_a_plus(name: str) -> None:
    """It takes a key without a plus only where the file has it."""
    params = params_of(name)
    algorithm = algorithms().get(params["algo"]["name"])
    for _, kind, path in algorithm.config.blocks() if algorithm else ():
        here: Any = params
        for key in path.split("."):
            here = here[key]
        if is_dataclass(kind):
            assert {option.name for option in fields(kind)} <= here.keys()


@every_config
def test_every_number_is_a_number_to_yaml_1_1(name: str) -> None:
    def texts(block: Any) -> list[str]:
        if isinstance(block, dict):
            return [text for value in block.values() for text in texts(value)]
        if isinstance(block, list):
            return [text for value in block for text in texts(value)]
        return [block] if isinstance(block, str) else []

    assert not [text for text in texts(params_of(name)) if re.fullmatch(r"[-+.\deE]+", text)]


@pytest.mark.parametrize("stem", PAPER)
def test_the_papers_eight_carry_its_settings(stem: str) -> None:
    units, rate, entropy, gamma = PAPER[stem]
    params = params_of(f"{stem}_genpo_paper")
    settings, config = settings_of(f"{stem}_genpo_paper"), params["config"]
    flow, algo = settings.flow, settings.algo
    assert (flow.steps, flow.mix, flow.condition, flow.activation) == (
        5, 0.9, "observation", "mish",
    )  # fmt: skip
    assert list(flow.units) == params["network"]["mlp"]["units"] == units
    small = stem == "quadcopter_direct"
    assert flow.time_embedding == (16 if small else 32)
    assert flow.time_units == ((128, 128) if small else (256, 256))
    assert (algo.compression_coef, algo.compression, algo.compression_fraction) == (0.01, "norm", 1)
    assert (algo.min_lr, algo.max_lr, flow.base) == (1e-5, None, "standard")
    found = [config[key] for key in ("learning_rate", "entropy_coef", "gamma")]
    assert [*found, algo.cross_entropy_coef] == [rate, 0.0, gamma, entropy]
    # Its runs clipped no actions.
    assert config["clip_actions"] is False and "clip_actions" not in params["env"]
    common = ("e_clip", "tau", "grad_norm", "critic_coef", "kl_threshold", "bounds_loss_coef")
    assert [config[key] for key in common] == [0.2, 0.95, 1.0, 2, 0.01, 0]
    assert config["truncate_grads"] and config["lr_schedule"] == "adaptive"
    assert config["mixed_precision"] is False


@pytest.mark.parametrize("stem", ALONE)
def test_genpo_puts_its_defaults_on_isaac_labs_trunk_and_gaussian(stem: str) -> None:
    settings, network = settings_of(f"{stem}_genpo"), params_of(f"{stem}_genpo")["network"]
    assert (settings.flow, settings.algo) == (CoupledFlowConfig(), GenPOAlgo())
    assert settings.departs() is None and "continuous" in network["space"]


@pytest.mark.parametrize("stem", BASELINES)
def test_a_baseline_differs_from_genpo_in_the_policy_alone(stem: str) -> None:
    ours, theirs = params_of(f"{stem}_genpo"), params_of(f"{stem}_ppo")
    assert theirs["algo"]["name"] == "a2c_continuous" and theirs["network"]["separate"] is True
    for block in ("mlp", "separate", "space"):
        assert theirs["network"][block] == ours["network"][block]
    assert theirs["env"] == ours["env"]
    assert {**theirs["config"], "name": None} == {**ours["config"], "name": None}


@pytest.mark.parametrize("stem", ALONE)
def test_cppos_flow_and_kernel_are_as_wide_as_the_tasks_policy(stem: str) -> None:
    params = params_of(f"{stem}_cppo")
    settings, network = settings_of(f"{stem}_cppo"), params["network"]
    flow, residual = settings.flow, settings.residual
    assert settings.departs() is None and "continuous" in network["space"]
    alone = "cnn" not in network and "rnn" not in network
    assert flow.condition is None  # the features under a CNN or an LSTM
    assert list(flow.units) == (network["mlp"]["units"] if alone else [64, 64])
    assert (flow.units, flow.activation) == (residual.units, residual.activation)
    assert flow.activation == network["mlp"]["activation"]
    assert flow.steps == 8
    assert settings.algo == CPPOAlgo()


@pytest.mark.parametrize("stem", ALONE)
def test_cppo_differs_from_the_tasks_other_file_in_the_policy_alone(stem: str) -> None:
    ours = params_of(f"{stem}_cppo")
    theirs = params_of(f"{stem}_{'ppo' if stem in BASELINES else 'genpo'}")
    for block in ("cnn", "mlp", "rnn", "space"):
        assert ours["network"].get(block) == theirs["network"].get(block)
    assert ours["env"] == theirs["env"]
    assert {**ours["config"], "name": None} == {**theirs["config"], "name": None}


@pytest.mark.parametrize("stem", AGENTS)
def test_ddpl_has_the_tasks_agents_and_the_reconstructions_network(stem: str) -> None:
    params = params_of(f"{stem}_ddpl")
    settings = settings_of(f"{stem}_ddpl")
    agents = settings.agents or ()
    assert tuple((agent.name, agent.obs, agent.act) for agent in agents) == AGENTS[stem]
    (observation,), action, _ = SIZES[stem]
    assert sum(agent.obs for agent in agents) == observation
    assert sum(agent.act for agent in agents) == action
    diffusion = settings.diffusion
    assert (diffusion.steps, diffusion.variance, diffusion.spread) == (20, "beta", 0.6)
    assert diffusion.units == ((64, 64) if stem.startswith("cart") else (256, 256))
    assert (diffusion.activation, diffusion.sampling_steps) == ("silu", 10)
    assert (diffusion.time_embedding, diffusion.time_units) == (16, (32,))
    assert settings.algo == DDPLAlgo(proposal_states=0.25, tilt_limit=0.5, policy_lr=3e-3)
    assert params["config"]["lr_schedule"] == "linear"


@pytest.mark.parametrize("stem", AGENTS)
def test_ddpls_file_says_what_it_is(stem: str) -> None:
    text = (FOLDER / f"{stem}_ddpl.yaml").read_text()
    head = " ".join(line.strip("# ") for line in text.partition("params:")[0].splitlines())
    assert "DDPL, reconstructed from the abstract; untried inside Isaac Sim" in head
    assert "adaptive measures a KL and such a policy has no likelihood" in head


@every_config
@pytest.mark.parametrize("envs", [4096, 512, 64])
def test_any_number_of_environments_fits(name: str, envs: int) -> None:
    params = params_of(name)
    config = params["config"] = {**params["config"], "num_actors": envs}
    validation.check_batch(params)
    batch = envs * config["horizon_length"]
    minibatches = batch / minibatch_size(config)
    central = config.get("central_value_config")
    if central:
        assert batch % (envs * central["minibatch_size_per_env"]) == 0
        assert envs * central["minibatch_size_per_env"] % config["seq_length"] == 0
    four = stem_of(name) in BASELINES or name.endswith("_paper")
    assert minibatches == (4 if four else round(minibatches))


class SimulatorShape(IVecEnv):
    """A task's spaces behind the face of Isaac Lab's rl_games wrapper; pays for small actions."""

    def __init__(self, sizes: tuple[tuple[int, ...], int, int], clips: dict[str, float]) -> None:
        shape, width, state = sizes
        self.clip = clips.get("clip_actions", np.inf)
        bound = clips.get("clip_observations", np.inf)
        self.observation_space = Box(-bound, bound, shape, np.float32)
        self.action_space = Box(-self.clip, self.clip, (width,), np.float32)
        self.state_space = Box(-bound, bound, (state,), np.float32)
        self.clock = torch.arange(ENVS)
        self.actions: list[torch.Tensor] = []

    def get_env_info(self) -> dict[str, Any]:
        names = ("observation_space", "action_space", "state_space")
        return {name: getattr(self, name) for name in names}

    def reset(self) -> dict[str, torch.Tensor]:
        found = {"obs": torch.randn(ENVS, *self.observation_space.shape)}
        if self.state_space.shape[0]:
            found["states"] = torch.randn(ENVS, *self.state_space.shape)
        return found

    def step(self, actions: torch.Tensor) -> tuple[Any, ...]:
        assert actions.shape == (ENVS, *self.action_space.shape)
        actions = actions.detach().clone().clamp(-self.clip, self.clip)
        self.actions.append(actions)
        self.clock = self.clock + 1
        done = self.clock % 5 == 0
        return self.reset(), -actions.square().mean(dim=-1), done, {"time_outs": done}


@pytest.fixture
def rlgpu(monkeypatch):
    """Registers a task's stand-in under the name in the YAMLs, as Isaac Lab's scripts register."""

    def register(name: str) -> SimulatorShape:
        made = SimulatorShape(SIZES[stem_of(name)], params_of(name)["env"])
        entry = {"vecenv_type": "IsaacRlgWrapper", "env_creator": lambda **_: made}
        monkeypatch.setitem(env_configurations.configurations, "rlgpu", entry)
        monkeypatch.setitem(vecenv.vecenv_config, "IsaacRlgWrapper", lambda *_, **__: made)
        return made

    return register


@pytest.mark.slow
@every_config
def test_rl_games_trains_saves_restores_and_plays(name: str, rlgpu, tmp_path: Path) -> None:
    env = rlgpu(name)
    params = params_of(name)
    # What train.py sets, a CPU, and one short epoch.
    params["config"].update(
        num_actors=ENVS, train_dir=str(tmp_path), full_experiment_name="run", max_epochs=1,
        mini_epochs=1, device="cpu", device_name="cpu",
    )  # fmt: skip
    for key in ("distill_epochs", "policy_epochs", "value_epochs"):
        if key in params["algo"]:
            params["algo"][key] = 1
    if "proposals" in params["algo"]:
        params["algo"].update(proposals=2, proposal_states=0.1)
    central = params["config"].get("central_value_config")
    if central:
        central["mini_epochs"] = 1
    runner = Runner()
    runner.load({"params": params})
    runner.run({"train": True, "play": False, "sigma": None})
    assert len(env.actions) == params["config"]["horizon_length"]
    (checkpoint,) = tmp_path.glob("run/nn/last_*.pth")
    state = torch.load(checkpoint, map_location="cpu", weights_only=False)
    trained = state["model"]
    assert all(value.isfinite().all() for value in trained.values())

    player = runner.create_player()
    player.restore(str(checkpoint))
    played = player.model.state_dict()
    assert all(torch.equal(value, played[key]) for key, value in trained.items())
    actions = play_as_isaac_lab_does(player, env)
    assert actions.isfinite().all() and (actions.abs() <= env.clip).all()
    assert actions.std(dim=0).max() > 0


def play_as_isaac_lab_does(player: Any, env: SimulatorShape) -> torch.Tensor:
    """The loop of Isaac Lab's play.py for a few steps; returns the actions (T, B, D)."""
    env.actions.clear()
    obs = env.reset()["obs"]
    player.get_batch_size(obs, 1)
    if player.is_rnn:
        player.init_rnn()
    for _ in range(6):
        obs = player.obs_to_torch(obs)
        actions = player.get_action(obs, is_deterministic=player.is_deterministic)
        obs, _, dones, _ = env.step(actions)
        obs = obs["obs"]
        if player.is_rnn:
            for state in player.states:
                state[:, dones, :] = 0.0
    return torch.stack(env.actions)


@pytest.mark.parametrize("name", ["ant_genpo", "ant_cppo", "shadow_hand_over_direct_ddpl"])
def test_the_deterministic_action_is_the_same_again(name: str, rlgpu) -> None:
    env = rlgpu(name)
    params = params_of(name)
    params["config"].update(num_actors=ENVS, device="cpu", device_name="cpu")
    runner = Runner()
    runner.load({"params": params})
    player = runner.create_player()
    obs = torch.randn(ENVS, *env.observation_space.shape)
    player.get_batch_size(obs, 1)
    first, second = (player.get_action(obs, player.is_deterministic) for _ in range(2))
    assert torch.equal(first, second)


def test_resolving_a_yaml_registers_the_agents(monkeypatch) -> None:
    """Isaac Lab imports the module of ``module:file.yaml``, and looks beside its ``__file__``."""
    monkeypatch.setattr(model_builder, "MODEL_REGISTRY", {})
    monkeypatch.setattr(model_builder, "NETWORK_REGISTRY", {})
    monkeypatch.delitem(sys.modules, isaaclab_tasks.MODULE, raising=False)
    found = {key for stem in TASKS for key in entry_points(f"{TASKS[stem][0]}-v0").values()}
    for entry in found:
        module, file = entry.split(":")
        assert (Path(import_module(module).__file__ or "").parent / file).is_file()
    assert set(algorithms()) <= set(model_builder.MODEL_REGISTRY)
    assert {entry.split(":")[1] for entry in found} == {f"{name}.yaml" for name in NAMES}


GENPO, CPPO = "rl_games_genpo_cfg_entry_point", "rl_games_cppo_cfg_entry_point"
DDPL = "rl_games_ddpl_cfg_entry_point"


def test_the_keys_follow_isaac_labs_scheme() -> None:
    assert [agent_key(policy) for policy in ("genpo", "cppo", "ddpl")] == [GENPO, CPPO, DDPL]
    assert agent_key(BASELINE) == BASELINE_KEY == "rl_games_cfg_entry_point"


@pytest.mark.parametrize(
    ("task", "stem"),
    [
        ("Isaac-Ant-v0", "ant"),
        ("Isaac-Ant", "ant"),
        ("Isaac-Ant-Direct-v0", "ant_direct"),
        ("Isaac-Lift-Cube-Franka-Play-v0", "lift_cube_franka"),
        ("Isaac-Velocity-Rough-H1-Play", "velocity_rough_h1"),
        ("Isaac-Velocity-Flat-Anymal-D-v0", "velocity_flat_anymal_d"),
        ("Isaac-Velocity-Flat-AnymalD", "velocity_flat_anymal_d"),
        ("Isaac-Velocity-Rough-UnitreeGo2-Play-v1", "velocity_rough_unitree_go2"),
        ("Isaac-Reorient-Cube-Shadow-Direct", "repose_cube_shadow_direct"),
        ("Isaac-Cartpole-Camera-Direct", "cartpole_rgb_camera_direct"),
        ("IsaacContrib-Lift-Cube-Franka", "lift_cube_franka"),
        (
            "IsaacContrib-Reorient-Cube-Shadow-OpenAI-LSTM-Direct",
            "repose_cube_shadow_openai_lstm_direct",
        ),
    ],
)
def test_a_tasks_entry_points(task: str, stem: str) -> None:
    module = "rlg_genpo.task_configs.isaaclab"
    expected = {GENPO: f"{module}:{stem}_genpo.yaml", CPPO: f"{module}:{stem}_cppo.yaml"}
    if stem in PAPER:
        expected["rl_games_genpo_paper_cfg_entry_point"] = f"{module}:{stem}_genpo_paper.yaml"
    if stem in ("velocity_rough_h1", "velocity_flat_anymal_d", "velocity_rough_unitree_go2"):
        expected["rl_games_cfg_entry_point"] = f"{module}:{stem}_ppo.yaml"
    assert entry_points(task) == expected


@pytest.mark.parametrize(
    ("task", "stem"),
    [
        ("Isaac-Cart-Double-Pendulum-Direct-v0", "cart_double_pendulum_direct"),
        ("Isaac-Pendulum-MARL-Direct", "cart_double_pendulum_direct"),
        ("Isaac-Shadow-Hand-Over-Direct-v0", "shadow_hand_over_direct"),
        ("Isaac-Shadow-Handover-Direct", "shadow_hand_over_direct"),
    ],
)
def test_a_task_of_several_agents_has_ddpl_alone(task: str, stem: str) -> None:
    assert entry_points(task) == {DDPL: f"rlg_genpo.task_configs.isaaclab:{stem}_ddpl.yaml"}


@pytest.mark.parametrize(
    "task",
    ["Isaac-Velocity-Flat-H1-v0", "Isaac-Ant-Play-Extra-v0", "CartPole-v1", "Isaac-Ant-v0-Play"],
)
def test_other_tasks_get_nothing(task: str) -> None:
    assert entry_points(task) == {}


@pytest.mark.parametrize(
    ("lab", "tasks", "command"),
    [
        (2, "Isaac-Ant-v0", f"Isaac Lab's train.py with --task Isaac-Ant-v0 --agent {GENPO}"),
        (
            3,
            "Isaac-Ant",
            f"`isaaclab train --rl_library rl_games --task Isaac-Ant --agent {GENPO}`",
        ),
        (
            None,
            "Isaac-Ant-v0 (3.0: Isaac-Ant)",
            f"Isaac Lab's train.py with --task Isaac-Ant-v0 --agent {GENPO}, or from Isaac Lab 3.0 "
            f"on `isaaclab train --rl_library rl_games --task Isaac-Ant --agent {GENPO}`",
        ),
    ],
)
def test_a_file_is_spoken_of_as_the_installed_isaac_lab_does(
    lab: int | None, tasks: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isaaclab_tasks, "generation", lambda: lab)
    shipped = Shipped.named("ant_genpo")
    assert shipped is not None
    assert (shipped.task, shipped.command) == (tasks, command)


def test_a_task_that_3_0_has_removed_is_said_to_be_of_2_x() -> None:
    assert task("quadcopter_direct", 2) == "Isaac-Quadcopter-Direct-v0"
    assert task("quadcopter_direct", 3) == "Isaac-Quadcopter-Direct-v0 (2.x only)"
    assert task("quadcopter_direct", None) == "Isaac-Quadcopter-Direct-v0 (2.x only)"


@pytest.mark.parametrize(
    ("name", "stem", "key"),
    [
        ("ant_genpo_paper", "ant", "rl_games_genpo_paper_cfg_entry_point"),
        ("ant_direct_cppo", "ant_direct", CPPO),
        ("velocity_rough_h1_ppo", "velocity_rough_h1", "rl_games_cfg_entry_point"),
        ("shadow_hand_over_direct_ddpl", "shadow_hand_over_direct", DDPL),
    ],
)
def test_a_files_name_gives_its_task_and_key(name: str, stem: str, key: str) -> None:
    shipped = Shipped.named(name)
    assert shipped is not None and (shipped.stem, shipped.key) == (stem, key)


def test_other_names_are_no_shipped_file() -> None:
    unknown = ("ant_ppo", "ant", "ants_genpo", "ant_ddpl", "ant_direct_genpo_paper")
    assert [Shipped.named(name) for name in unknown] == [None] * 5


def test_no_task_has_two_stems() -> None:
    for generation in (0, 1):
        names = [ids[generation] for ids in TASKS.values() if ids[generation]]
        assert len(names) == len(set(names))


def test_the_table_needs_the_standard_library_only() -> None:
    """It is read while ``import gym`` runs."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from rlg_genpo.isaaclab.tasks import entry_points\n"
        "assert entry_points('Isaac-Ant-v0')\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert new - {'rlg_genpo'} <= sys.stdlib_module_names, new\n"
        "assert not any(name.startswith('rlg_genpo.task_configs') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_knows_every_file() -> None:
    assert sorted(configs.for_isaac_lab()) == [f"isaaclab/{name}" for name in NAMES]


def test_the_command_line_says_how_to_train_cppo() -> None:
    row = checking.row("isaaclab/ant_cppo")
    assert row == ("isaaclab/ant_cppo", "cppo", "Isaac-Ant-v0", CPPO, "500")
    lines = dict(line.split(":", 1) for line in checking.check("isaaclab/ant_cppo", []))
    assert lines["policy"].strip().startswith("cppo: 8 steps, ")
    assert lines["train it"].endswith(f" --task Isaac-Ant-v0 --agent {CPPO}")
    with pytest.raises(ConfigError, match=r"params\.algo\.deployment: .*flow_ema.*, got flw"):
        checking.check("isaaclab/ant_cppo", ["agent.params.algo.deployment=flw"])


def test_the_command_line_tells_the_papers_file_from_ours() -> None:
    name, key = "isaaclab/ant_genpo_paper", "rl_games_genpo_paper_cfg_entry_point"
    assert checking.row(name) == (name, "genpo", "Isaac-Ant-v0", key, "1000")
    lines = dict(line.split(":", 1) for line in checking.check(name, []))
    assert lines["policy"].strip().startswith("genpo: 5 steps, ")
    assert lines["train it"].endswith(f" --task Isaac-Ant-v0 --agent {key}")


def test_the_command_line_says_how_to_train_ddpl() -> None:
    name = "isaaclab/cart_double_pendulum_direct_ddpl"
    task = "Isaac-Cart-Double-Pendulum-Direct-v0"
    assert checking.row(name) == (name, "ddpl", task, DDPL, "150")
    lines = dict(line.split(":", 1) for line in checking.check(name, []))
    assert lines["policy"].strip().startswith("ddpl: 20 steps, ")
    assert lines["policy"].endswith("; cart (4 to 1), pendulum (3 to 1)")
    assert lines["train it"].endswith(f" --task {task} --agent {DDPL}")
    with pytest.raises(ConfigError, match=r"lr_schedule: adaptive .* use linear or constant"):
        checking.check(name, ["agent.params.config.lr_schedule=adaptive"])


#: a flat observation with and without statistics, agents, an image, an LSTM before the MLP
EXPORTED = (
    "ant_genpo",
    "velocity_flat_anymal_d_ppo",
    "velocity_flat_anymal_d_cppo",
    "cart_double_pendulum_direct_ddpl",
    "cartpole_rgb_camera_direct_genpo",
    "repose_cube_shadow_openai_lstm_direct_genpo",
)


@pytest.mark.parametrize("name", EXPORTED)
def test_export_takes_a_checkpoint_of_isaac_labs_scripts(name, rlgpu, tmp_path: Path) -> None:
    env = rlgpu(name)
    params = params_of(name)
    params["config"].update(
        num_actors=ENVS, train_dir=str(tmp_path), full_experiment_name="run", device="cpu",
        device_name="cpu",
    )  # fmt: skip
    runner = Runner()
    runner.load({"params": params})
    enter_runner(runner)
    agent = runner.algo_factory.create(
        params["algo"]["name"], base_name="run", params=runner.params
    )
    agent.save(str(tmp_path / "run" / "nn" / "last"))
    checkpoint = tmp_path / "run" / "nn" / "last.pth"
    words = ["--config", f"isaaclab/{name}", "--format", "torchscript", "--verify"]
    assert cli.main(["export", str(checkpoint), *words]) == 0
    runner.load({"params": params})
    player = runner.create_player()
    player.restore(str(checkpoint))
    obs = torch.randn(3, *env.observation_space.shape)
    player.get_batch_size(obs, 1)
    player.reset()
    states = player.states or ()
    expected = player.get_action(obs, True).clamp(-env.clip, env.clip)
    folder = tmp_path / "run" / "exported"
    if "ddpl" in name:
        cart, pendulum = (torch.jit.load(folder / f"{one}.pt") for one in ("cart", "pendulum"))
        found = torch.cat([cart(obs[:, :4]), pendulum(obs[:, 4:])], dim=-1)
    else:
        found = torch.jit.load(folder / "policy.pt")(obs, *states)
    torch.testing.assert_close(found[0] if states else found, expected)
