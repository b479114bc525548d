"""VMAS under rl_games: rows, actions, rewards, ends, seeds, errors, and two short trainings."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rl_games.common.algo_observer import DefaultAlgoObserver

from rlg_genpo.cli import rollouts
from rlg_genpo.envs import vmas
from rlg_genpo.errors import ConfigError
from tests.rig import CENTRAL_VALUE, gaussian

SPREAD = {"scenario": "simple_spread", "seed": 5}

#: rl_games' own Gaussian PPO on three agents
STOCK = {
    **gaussian(log_sigma=0),
    "config.env_name": "vmas",
    "config.env_config": {"scenario": "simple_spread", "max_steps": 6, "rewards": "team"},
    "config.value_bootstrap": True,
}


class Seen(DefaultAlgoObserver):
    """Keeps the agent that rl_games makes, as ``algo``."""


@pytest.fixture(scope="module", autouse=True)
def _installed():
    pytest.importorskip("vmas", reason='vmas is not installed: pip install "rlg_genpo[marl]"')


def make(count=4, **options):
    env = vmas.VmasEnv(count, SPREAD | options)
    return env, env.reset()


def actions(env, seed=0):
    rows = env.count * env.layout.agents
    shape = (rows, env.get_env_info()["action_space"].shape[0])
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def theirs(env):
    """VMAS's own list of observations, as they are now."""
    (seen,) = env.env.get_from_scenario(
        get_observations=True, get_rewards=False, get_infos=False, get_dones=False
    )
    return seen


def test_a_row_is_environment_times_n_plus_agent():
    env, obs = make()
    for step in range(2):
        assert obs.shape == (12, 14)
        for agent, seen in enumerate(theirs(env)):
            assert torch.equal(obs[agent::3], seen)
        obs = env.step(actions(env, step))[0]


def test_a_joint_row_is_the_agents_side_by_side():
    env, obs = make(joint=True)
    assert obs.shape == (4, 42)
    assert torch.equal(obs, torch.cat(theirs(env), dim=-1))


@pytest.mark.parametrize("joint", [False, True])
def test_the_spaces_fit_what_is_given(joint):
    env, obs = make(joint=joint, states=True)
    info = env.get_env_info()
    assert obs["obs"].shape[1:] == info["observation_space"].shape
    assert obs["states"].shape == (4, *info["state_space"].shape)
    assert info["agents"] == (1 if joint else 3)
    assert info["agent_sizes"] == tuple((f"agent_{i}", 14, 2) for i in range(3))
    assert info["action_space"].low.min() == -1


def test_states_are_one_row_per_environment_with_every_observation():
    _, obs = make(states=True)
    assert torch.equal(obs["states"], obs["obs"].reshape(4, -1))


@pytest.mark.parametrize("joint", [False, True])
def test_an_action_moves_its_agent_alone(joint):
    env, _ = make(joint=joint)
    acted = torch.zeros(4, 3, 2)
    acted[2, 1] = torch.tensor([1.0, -1.0])  # environment 2, agent 1
    before = torch.stack([agent.state.vel for agent in env.env.agents], dim=1)
    env.step(acted.reshape(12, 2) if not joint else acted.reshape(4, 6))
    moved = torch.stack([agent.state.vel for agent in env.env.agents], dim=1) - before
    assert moved[2, 1, 0] > 0 > moved[2, 1, 1]
    # Without contact nobody else gets any speed.
    assert moved.abs().sum() - moved[2, 1].abs().sum() < 1e-6


def test_actions_are_stretched_to_an_agents_range_and_clamped(monkeypatch):
    env, _ = make(scenario="give_way")  # its agents' range is [-0.5, 0.5]
    given, step = [], env.env.step
    monkeypatch.setattr(env.env, "step", lambda acted: given.append(acted) or step(acted))
    env.step(torch.tensor([[1.0, -0.5], [7.0, -7.0]]).repeat(4, 1))
    ((first, second),) = given
    assert first.tolist() == [[0.5, -0.25]] * 4
    assert second.tolist() == [[0.5, -0.5]] * 4


def test_words_between_agents_are_actions_from_0_to_1():
    env, _ = make(scenario="simple_reference")
    size = env.get_env_info()["action_space"].shape[0]
    env.step(torch.full((8, size), -1.0))
    assert env.env.agents[0].action.c.abs().max() == 0


def test_rewards_are_each_agents_or_the_teams_mean():
    options = {"scenario": "navigation", "options": {"shared_rew": False}}
    seen = {}
    for name, more in {"own": {}, "team": {"rewards": "team"}, "joint": {"joint": True}}.items():
        env, _ = make(**options, **more)
        acted = actions(make(**options)[0])
        env, _ = make(**options, **more)
        seen[name] = env.step(acted.reshape(4, -1) if more.get("joint") else acted)[1]
    own = seen["own"].reshape(4, 4)
    assert own.std(dim=1).min() > 0, "the agents' rewards should differ"
    assert torch.equal(seen["team"].reshape(4, 4), own.mean(1, keepdim=True).expand(4, 4))
    assert torch.equal(seen["joint"], own.mean(1))


def test_an_end_begins_another_episode_and_keeps_the_last_reward():
    env, _ = make(max_steps=3)
    env.env.steps[1] = 1  # environment 1 is a step ahead
    twin_rewards = []
    for step in range(4):
        acted = actions(env, step)
        positions = env.env.agents[0].state.pos.clone()
        obs, reward, done, infos = env.step(acted)
        twin_rewards.append(reward)
        ended = done.reshape(4, 3)
        expected = [
            [False] * 4,
            [i == 1 for i in range(4)],
            [i != 1 for i in range(4)],
            [False] * 4,
        ]
        assert ended.all(1).tolist() == ended.any(1).tolist() == expected[step]
        assert torch.equal(infos["time_outs"], done)
        jump = (env.env.agents[0].state.pos - positions).norm(dim=-1)
        # A step moves by less than 0.1; only a new episode's start is farther away.
        assert ((jump > 0.1) == ended[:, 0]).all()
        for agent, seen in enumerate(theirs(env)):
            assert torch.equal(obs[agent::3], seen)
    # max_steps does not enter the dynamics: up to its first end a longer episode pays the same.
    longer, _ = make(max_steps=100)
    for step in range(2):
        assert torch.equal(longer.step(actions(env, step))[1], twin_rewards[step])


def test_an_end_of_all_together_is_one_reset():
    env, _ = make(max_steps=2)
    env.step(actions(env))
    _, _, done, _ = env.step(actions(env))
    assert done.all()
    assert env.env.steps.tolist() == [0.0] * 4


def test_an_end_that_is_not_the_time_limits_is_no_time_out():
    env, _ = make(scenario="balance", max_steps=200, options={"n_agents": 3})
    for step in range(200):
        _, _, done, infos = env.step(actions(env, step))
        if done.any():
            break
    assert done.any() and step < 199, "the package should have fallen"
    assert not infos["time_outs"].any()


def test_a_seed_gives_the_same_episodes_again():
    def course(seed):
        env, obs = make(seed=seed, max_steps=3)
        return torch.stack([obs, *(env.step(actions(env, k))[0] for k in range(7))])

    assert torch.equal(course(1), course(1))
    assert not torch.equal(course(1), course(2))


def test_training_begins_at_different_ages_and_evaluation_at_none():
    env, _ = make(64)
    assert env.env.steps.unique().tolist() == [0.0]
    env.set_train_info(0)
    ages = env.env.steps.clone()
    assert len(ages.unique()) > 5
    assert ages.max() < 100
    env.set_train_info(0)
    assert torch.equal(env.env.steps, ages), "only once"
    same, _ = make(64, stagger=False)
    same.set_train_info(0)
    assert same.env.steps.unique().tolist() == [0.0]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"env_config": {}}, "env_config.scenario: missing; VMAS's name"),
        ({"env_config": {"scenario": "simple_spred"}}, "did you mean 'simple_spread'"),
        ({"env_config": {"scenario": "simple_spread", "step": 1}}, "env_config.step: unknown key"),
        ({"env_config": SPREAD | {"rewards": "all"}}, "rewards: must be one of own, team"),
        ({"env_config": SPREAD | {"options": 3}}, "options: must be a block of keys"),
        ({"env_config": SPREAD | {"options": {"n_agent": 3}}}, "not used by the scenario"),
        ({"env_config": SPREAD | {"options": {"max_steps": 3}}}, "options.max_steps: is VMAS's"),
        (
            {"env_config": SPREAD | {"options": {"n_agents": "two"}}},
            r"options: simple_spread does not take \{'n_agents': 'two'\} \(TypeError",
        ),
        (
            {"env_config": {"scenario": "simple_adversary"}},
            r"joint: False, but .*differ \(adversary_0 8/2, agent_0 10/2, agent_1 10/2\); set it",
        ),
        ({"env_config": SPREAD, "central_value_config": {}}, "states is False; set it to True"),
        (
            {"env_config": SPREAD | {"states": True}, "central_value_config": {}},
            "rewards is own; set it to team",
        ),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_way_out(config, words):
    with pytest.raises(ConfigError, match=words):
        vmas.SIMULATOR.check(config)


def test_agents_of_different_sizes_are_joined():
    env, obs = make(scenario="simple_speaker_listener", joint=True)
    assert env.get_env_info()["agent_sizes"] == (("speaker_0", 3, 5), ("listener_0", 11, 2))
    assert obs.shape == (4, 14)
    assert env.step(actions(env))[0].shape == (4, 14)


def test_an_absent_vmas_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vmas", None)
    with pytest.raises(
        ConfigError, match=r'vmas is not installed; pip install "rlg_genpo\[marl\]"'
    ):
        vmas.SIMULATOR.check({"env_config": SPREAD})


@pytest.mark.slow
def test_importing_rlg_genpo_leaves_the_multi_agent_simulators_alone():
    code = (
        "import sys, rl_games.torch_runner, rlg_genpo\n"
        "from rl_games.common.env_configurations import configurations as known\n"
        "print({'vmas', 'mamujoco'} <= known.keys(),\n"
        "      not {'vmas', 'gymnasium_robotics', 'mujoco'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == ["True", "True"]


def test_the_command_line_knows_the_task_and_its_spaces():
    config = {"env_name": "vmas", "env_config": dict(SPREAD)}
    vmas.SIMULATOR.check(config)
    observation, action = vmas.SIMULATOR.spaces(config)
    assert (vmas.SIMULATOR.task(config), observation.shape, action.shape) == (
        "simple_spread",
        (14,),
        (2,),
    )


@pytest.mark.parametrize("critic", [False, True])
def test_rl_games_own_ppo_trains_plays_and_counts_environments(rig, critic):
    settings = dict(STOCK)
    if critic:
        settings["config.env_config"] = STOCK["config.env_config"] | {"states": True}
        settings["config.central_value_config"] = CENTRAL_VALUE
    seen = Seen()
    rig.runner(settings, seen).run_train({"train": True, "checkpoint": None})
    agent = seen.algo
    assert agent.experience_buffer.tensor_dict["obses"].shape == (8, 48, 14)
    if critic:
        assert agent.experience_buffer.tensor_dict["states"].shape == (8, 16, 42)
    # rl_games' counter counts every agent's frame.
    assert agent.frame == 2 * 16 * 8 * 3
    assert agent.game_lengths.get_mean() <= 6
    (checkpoint,) = Path(agent.nn_dir).glob("last_*.pth")
    player = rig.player(settings, str(checkpoint))
    options = {k: v for k, v in settings["config.env_config"].items() if k != "scenario"}
    player.env, _ = make(4, **options)
    episodes = list(rollouts.play(player, 4, 2, True))
    assert sorted(episode.env for episode in episodes) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {episode.length for episode in episodes} == {6}


def test_an_episodes_return_is_the_mean_of_its_agents(rig):
    class Still:
        """Plays zeros."""

        num_agents, is_rnn = 4, False

        def env_reset(self, env):
            return env.reset()

        def get_batch_size(self, obs, size):
            return len(obs)

        def init_rnn(self):
            pass

        def get_action(self, obs, deterministic):
            return torch.zeros(len(obs), 2)

        def env_step(self, env, action):
            return env.step(action)

    options = {"scenario": "navigation", "max_steps": 5, "options": {"shared_rew": False}}
    env, _ = make(3, **options)
    env.seed(7)
    player = Still()
    player.env = env
    episodes = list(rollouts.play(player, 3, 1, True))
    env, _ = make(3, **options)
    env.seed(7)
    env.reset()
    total = sum(env.step(torch.zeros(12, 2))[1] for _ in range(5)).reshape(3, 4)
    assert torch.allclose(torch.tensor([e.value for e in episodes]), total.mean(1), atol=1e-5)


def test_a_run_that_goes_on_begins_with_whole_episodes():
    env, _ = make(64)
    env.reset()
    env.set_train_info(6400)
    assert (env.env.steps == 0).all()
