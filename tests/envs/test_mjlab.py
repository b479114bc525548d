"""mjlab under rl_games: the real simulator on a CPU, through the real Runner."""

import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from rl_games.common import env_configurations, vecenv

from rlg_genpo import ConfigError
from rlg_genpo.envs import mjlab, simulator, simulator_of
from tests.rig import CENTRAL_VALUE, CPPO

BALANCE = "Mjlab-Cartpole-Balance"
#: Cartpole with an end of its own: the cart beyond a line; registered by the fixture ``short``
SHORT = "Test-Cartpole-Short"
STEPS = 20
ENVS = 4

CARTPOLE = {
    "config.name": "cartpole",
    "config.env_name": "mjlab",
    "config.env_config": {"env_name": BALANCE},
    "config.value_bootstrap": True,
    "config.player.use_vecenv": True,
}


@pytest.fixture(scope="module")
def installed():
    pytest.importorskip("mjlab", reason='mjlab is not installed: pip install "rlg_genpo[mjlab]"')


@pytest.fixture(scope="module")
def short(installed):
    """A Cartpole of 20 steps that fails where the cart is more than 0.5 m to the right.

    It leaves resets to its caller, which the adapter must not.
    """
    managers = importlib.import_module("mjlab.managers.termination_manager")
    registry = importlib.import_module("mjlab.tasks.registry")
    mjlab.simulator()
    config = registry.load_env_cfg(BALANCE)
    config.episode_length_s = STEPS * 0.05
    config.auto_reset = False
    config.terminations["beyond"] = managers.TerminationTermCfg(
        func=lambda env: env.scene["cartpole"].data.joint_pos[:, 0] > 0.5
    )
    registry.register_mjlab_task(SHORT, config, config, registry.load_rl_cfg(BALANCE))
    return SHORT


def make(task=BALANCE, **options):
    return vecenv.create_vec_env("mjlab", ENVS, env_name=task, device="cpu", **options)


def place(env, index, position):
    """Put one environment's cart somewhere."""
    cart = env.env.scene["cartpole"]
    where = torch.tensor([index])
    state = torch.tensor([[position, 0.0]])
    cart.write_joint_state_to_sim(state, torch.zeros(1, 2), env_ids=where)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("task", [BALANCE, "Mjlab-Velocity-Flat-Unitree-Go1"])
def test_what_comes_out_has_the_shape_of_the_spaces(task):
    env = make(task)
    info = env.get_env_info()
    for seen in (env.reset(), env.step(torch.zeros(ENVS, *info["action_space"].shape))[0]):
        for key, space in (("obs", "observation_space"), ("states", "state_space")):
            assert seen[key].shape == (ENVS, *info[space].shape)
            assert seen[key].dtype == torch.float32
    assert info["action_space"].high.tolist() == [1.0] * env.env.action_manager.total_action_dim
    assert info["agents"] == 1


@pytest.mark.usefixtures("installed")
def test_a_critic_sees_what_the_actor_does_not():
    seen = make("Mjlab-Velocity-Flat-Unitree-Go1").reset()
    assert seen["states"].shape[1] > seen["obs"].shape[1]


@pytest.mark.usefixtures("installed")
def test_a_step_does_not_change_what_earlier_ones_gave_out():
    env = make()
    kept = [env.reset()]
    for _ in range(3):
        kept.append(env.step(torch.ones(ENVS, 1)))
    seen, reward, _, _ = kept[1]
    before = reward.clone(), seen["obs"].clone()
    env.step(-torch.ones(ENVS, 1))
    assert torch.equal(reward, before[0]) and torch.equal(seen["obs"], before[1])
    assert not torch.equal(kept[1][1], kept[3][1])


@pytest.mark.usefixtures("installed")
def test_states_may_be_left_out():
    env = make(states=False)
    assert env.get_env_info()["state_space"] is None
    assert env.reset().keys() == {"obs"}
    # Nor are they computed.
    assert env.env.observation_manager.active_terms.keys() == {"actor"}


@pytest.mark.usefixtures("installed")
def test_actions_and_observations_are_clipped():
    env = make(clip_actions=0.5, clip_observations=0.25)
    assert env.action_space.high.tolist() == [0.5]
    env.reset()
    seen, *_ = env.step(torch.full((ENVS, 1), 7.0))
    assert (env.env.action_manager.action == 0.5).all()
    # The cosine of a standing pole is 1.
    assert seen["obs"].max() == seen["states"].max() == 0.25


@pytest.mark.usefixtures("installed")
def test_the_seed_decides_the_first_state():
    first, same, other = (make(seed=seed).reset()["obs"] for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_time_limit_is_reported_and_a_failure_is_not(short):
    env = make(short)
    env.reset()
    ends = []
    for step in range(STEPS):
        if step == 4:
            place(env, 1, 0.9)
        if step == STEPS - 1:
            place(env, 2, 0.9)
        ends.append(env.step(torch.zeros(ENVS, 1))[1:])
    assert torch.stack([done for _, done, _ in ends[:4]]).sum() == 0
    _, done, infos = ends[4]
    assert done.tolist() == [False, True, False, False]
    assert not infos["time_outs"].any()
    # The first and the last reach the limit; the third fails in the same step, the second is young.
    _, done, infos = ends[-1]
    assert done.tolist() == [True, False, True, True]
    assert infos["time_outs"].tolist() == [True, False, False, True]


def test_the_log_comes_with_the_episodes_that_end(short):
    env = make(short)
    env.reset()
    infos = [env.step(torch.zeros(ENVS, 1))[3] for _ in range(STEPS)]
    assert ["episode" in info for info in infos] == [False] * (STEPS - 1) + [True]
    log = infos[-1]["episode"]
    assert log["Episode_Termination/time_out"] == ENVS
    assert log["Episode_Termination/beyond"] == 0
    assert 0 < log["Episode_Reward/smooth_reward"] <= 1


def test_a_finite_horizon_has_no_time_outs(short):
    env = make(short)
    env.env.cfg.is_finite_horizon = True
    env.reset()
    assert "time_outs" not in env.step(torch.zeros(ENVS, 1))[3]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"config.central_value_config": CENTRAL_VALUE},
        {**CPPO, "config.central_value_config": CENTRAL_VALUE},
    ],
    ids=["genpo", "genpo with a central value", "cppo with a central value"],
)
def test_it_trains_saves_resumes_and_plays(rig, short, more):
    settings = {**CARTPOLE, "config.env_config": {"env_name": short}, **more}
    run = rig.train(settings)
    assert run.unmoved() == []
    assert run.agent.vec_env.get_env_state() == {"common_step_counter": 16}
    resumed = rig.train({**settings, "config.max_epochs": 4}, run.checkpoint())
    assert resumed.agent.frame == 4 * 16 * 8
    # mjlab's curricula go on where they were.
    assert resumed.agent.vec_env.get_env_state() == {"common_step_counter": 32}
    player = rig.player(settings, str(next(rig.folder.glob("cartpole*/nn/last_*_ep_4_*.pth"))))
    assert player.env.get_env_state() == {"common_step_counter": 32}
    obs = player.env_reset(player.env)
    player.get_batch_size(obs, 1)
    reward = player.env_step(player.env, player.get_action(obs, True))[1]
    assert reward.shape == (16,) and reward.isfinite().all()


@pytest.mark.usefixtures("installed")
def test_rl_games_own_player_makes_one_environment(rig):
    player = rig.player({**CARTPOLE, "config.player.use_vecenv": False})
    obs = player.env_reset(player.env)
    assert obs.shape == (1, 5)
    player.get_batch_size(obs, 1)
    assert player.get_action(obs, True).shape == (1, 1)


@pytest.mark.usefixtures("installed")
def test_a_central_value_without_states_is_refused(rig):
    settings = {**CARTPOLE, "config.central_value_config": CENTRAL_VALUE}
    settings["config.env_config"] = {"env_name": BALANCE, "states": False}
    with pytest.raises(ConfigError, match="central_value_config: needs states, but"):
        mjlab.SIMULATOR.check(rig.settings(settings)["params"]["config"])
    with pytest.raises(ConfigError, match=r"env_config\.states is False; set it to True"):
        rig.train(settings)


@pytest.mark.usefixtures("installed")
def test_an_agent_on_another_device_is_refused():
    env = make()
    env.set_train_info(0)
    env.set_train_info(0, SimpleNamespace(ppo_device="cpu"))
    with pytest.raises(ConfigError, match=r"env_config\.device: cpu, but params\.config\.device"):
        env.set_train_info(0, SimpleNamespace(ppo_device="meta"))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "params.config.env_config.env_name: missing; mjlab's task id"),
        ({"env_name": BALANCE, "clip_actions": 0}, "env_config.clip_actions: must be above 0"),
        ({"env_name": BALANCE, "state": True}, "env_config.state: unknown key, did you mean"),
    ],
)
def test_options_that_do_not_fit_are_named(options, message):
    for refuse in (
        lambda: mjlab.SIMULATOR.check({"env_config": options}),
        lambda: vecenv.create_vec_env("mjlab", ENVS, **options),
    ):
        with pytest.raises(ConfigError) as error:
            refuse()
        assert message in str(error.value)


@pytest.mark.usefixtures("installed")
def test_the_list_of_tasks_is_where_the_message_says(capsys):
    importlib.import_module("mjlab.scripts.list_envs").list_environments()
    assert BALANCE in capsys.readouterr().out


def test_an_absent_mjlab_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mjlab", None)
    for refuse in (lambda: mjlab.SIMULATOR.check({"env_config": {"env_name": BALANCE}}), make):
        with pytest.raises(ConfigError) as error:
            refuse()
        assert str(error.value) == (
            'params.config.env_name: mjlab is not installed; pip install "rlg_genpo[mjlab]".'
        )


def test_a_package_that_mjlab_itself_lacks_is_not_taken_for_mjlab(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'warp'", name="warp")

    monkeypatch.setattr(simulator.importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="warp"):
        mjlab.simulator()


@pytest.fixture
def pretended(monkeypatch):
    """A stand-in for mjlab's registry with two tasks, where the real one may be absent."""
    tasks = {
        "Mjlab-Walk": SimpleNamespace(observations={"actor": {}}),
        "Mjlab-See": SimpleNamespace(observations={"policy": {}, "camera": {}}),
    }
    registry = SimpleNamespace(list_tasks=lambda: sorted(tasks), load_env_cfg=tasks.get)
    modules = {"mjlab": None, "mjlab.tasks": None, "mjlab.envs": None}
    for name, module in {**modules, "mjlab.tasks.registry": registry}.items():
        monkeypatch.setitem(sys.modules, name, module or SimpleNamespace())


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            "Mjlab-Wlak",
            "params.config.env_config.env_name: mjlab has no task 'Mjlab-Wlak', did you mean "
            "'Mjlab-Walk'? `python -m mjlab.scripts.list_envs` lists them; ",
        ),
        ("Ant-v5", "mjlab has no task 'Ant-v5'. `python -m mjlab.scripts.list_envs` lists them; "),
        (
            "Mjlab-See",
            "params.config.env_config.env_name: Mjlab-See has the observation groups policy, "
            "camera; one called actor is needed.",
        ),
    ],
)
def test_a_task_that_does_not_fit_is_named_with_the_way_out(task, message):
    with pytest.raises(ConfigError) as error:
        mjlab.SIMULATOR.check({"env_config": {"env_name": task}})
    assert message in str(error.value)


@pytest.mark.usefixtures("pretended")
def test_a_central_value_needs_a_task_with_critic_observations():
    config = {"env_config": {"env_name": "Mjlab-Walk"}, "central_value_config": {}}
    with pytest.raises(ConfigError, match="Mjlab-Walk has no critic observations; remove"):
        mjlab.SIMULATOR.check(config)


@pytest.mark.usefixtures("pretended")
@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a CUDA device")
def test_cuda_that_is_not_there_is_refused():
    config = {"env_config": {"env_name": "Mjlab-Walk", "device": "cuda:0"}}
    with pytest.raises(ConfigError, match=r"env_config\.device: cuda:0, but torch sees no CUDA"):
        mjlab.SIMULATOR.check(config)


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(
    ("config", "device"),
    [
        ({"device": "cpu"}, "cpu"),
        ({"device": "cuda:1", "env_config": {"device": "cpu"}}, "cpu"),
        ({"device": "cuda:0", "multi_gpu": True}, None),
        ({}, None),
    ],
)
def test_the_simulation_runs_where_the_agent_does(config, device):
    config = {"env_name": "mjlab", "env_config": {}} | config
    config["env_config"]["env_name"] = "Mjlab-Walk"
    mjlab.SIMULATOR.prepare(config)
    assert config["env_config"].get("device") == device


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize("options", [{}, {"env_config": None}, {"env_config": {}}])
def test_a_configuration_without_a_task_is_refused(options):
    with pytest.raises(ConfigError, match=r"env_config\.env_name: missing; mjlab's task id"):
        mjlab.SIMULATOR.prepare({"env_name": "mjlab", "device": "cpu", **options})


@pytest.mark.slow
def test_importing_rlg_genpo_registers_the_name_and_leaves_mjlab_alone():
    code = (
        "import sys, rl_games.torch_runner, rlg_genpo\n"
        "from rl_games.common.env_configurations import configurations\n"
        "print('mjlab' in configurations, 'mjlab' in sys.modules, 'warp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-3:] == ["True", "False", "False"]


def test_another_packages_entry_is_left_standing(monkeypatch, caplog):
    theirs = {"vecenv_type": "RAY"}
    monkeypatch.setitem(env_configurations.configurations, "mjlab", theirs)
    mjlab.SIMULATOR.register()
    assert env_configurations.configurations["mjlab"] is theirs
    config = {"env_name": "mjlab", "device": "cpu", "env_config": {"task_name": "theirs"}}
    simulator_of(config).prepare(config)
    assert config["env_config"] == {"task_name": "theirs"}
    assert "another package has registered 'mjlab'" in caplog.text
