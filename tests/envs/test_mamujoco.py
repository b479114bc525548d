"""Multi-agent MuJoCo under rl_games: against the robot it is made of, its ends and its errors."""

import sys

import gymnasium
import pytest
import torch

from rlg_genpo.envs import mamujoco
from rlg_genpo.errors import ConfigError

CHEETAH = {"scenario": "HalfCheetah", "agent_conf": "2x3", "seed": 4}


@pytest.fixture(scope="module", autouse=True)
def _installed():
    pytest.importorskip(
        "gymnasium_robotics",
        reason='gymnasium-robotics is not installed: pip install "rlg_genpo[marl]"',
    )


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    # MuJoCo writes its complaints about Gymnasium's XML into the folder that it runs in.
    monkeypatch.chdir(tmp_path)


def make(count=2, **options):
    env = mamujoco.MamujocoEnv(count, CHEETAH | options)
    return env, env.reset()


def actions(env, seed=0):
    shape = (env.count * env.layout.agents, env.get_env_info()["action_space"].shape[0])
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_agents_together_are_the_robot():
    env, obs = make()
    robots = [gymnasium.make("HalfCheetah-v5") for _ in range(2)]
    for index, robot in enumerate(robots):
        robot.reset(seed=4 + index)  # environment i has seed + i
    assert obs.shape == (4, 12)
    for step in range(3):
        acted = actions(env, step)
        obs, reward, done, _ = env.step(acted)
        for index, robot in enumerate(robots):
            _, paid, *_ = robot.step(acted[2 * index : 2 * index + 2].flatten().numpy())
            assert reward[2 * index : 2 * index + 2].tolist() == pytest.approx([paid] * 2, abs=1e-5)
            for agent in range(2):
                name = f"agent_{agent}"
                seen = torch.as_tensor(env.envs[index].unwrapped._get_obs()[name]).float()
                assert torch.equal(obs[2 * index + agent], seen)
        assert not done.any()


def test_actions_are_stretched_to_the_robots_range():
    env, _ = make(scenario="Humanoid", agent_conf="9|8", joint=True)  # its range is [-0.4, 0.4]
    robot = gymnasium.make("Humanoid-v5")
    robot.reset(seed=4)
    acted = torch.full((2, 17), 0.5)
    _, paid, *_ = robot.step(0.2 * torch.ones(17).numpy())
    assert env.step(acted)[1][0].item() == pytest.approx(paid, rel=1e-5)


@pytest.mark.parametrize("conf", ["2x3", "6x1"])
def test_a_joint_row_is_the_agents_side_by_side(conf):
    env, obs = make(agent_conf=conf, joint=True, states=True)
    sizes = env.get_env_info()["agent_sizes"]
    assert sum(size.act for size in sizes) == 6
    assert torch.equal(obs["obs"], obs["states"])
    assert obs["obs"].shape == (2, sum(size.obs for size in sizes))
    assert env.step(actions(env))[1].shape == (2,)


def test_the_time_limit_ends_an_episode_and_is_marked():
    env, _ = make(max_steps=3)
    env.clock[1] = 1
    seen = [env.step(actions(env, step)) for step in range(4)]
    expected = [[0, 0], [0, 1], [1, 0], [0, 0]]
    for (_, _, done, infos), ends in zip(seen, expected, strict=True):
        assert done.reshape(2, 2).int().tolist() == [[end] * 2 for end in ends]
        assert torch.equal(infos["time_outs"], done)


def test_a_fall_is_no_time_out():
    env, _ = make(1, scenario="Hopper", agent_conf="3x1", joint=True)
    for step in range(200):
        _, _, done, infos = env.step(actions(env, step))
        if done.any():
            break
    assert done.any()
    assert not infos["time_outs"].any()
    assert env.clock.tolist() == [0]


def test_a_seed_gives_the_same_episodes_again():
    def course(seed):
        env, obs = make(seed=seed, max_steps=2)
        return torch.stack([obs, *(env.step(actions(env, k))[0] for k in range(5))])

    assert torch.equal(course(1), course(1))
    assert not torch.equal(course(1), course(7))


def test_training_begins_at_different_ages():
    env, _ = make(8)
    env.set_train_info(0)
    assert len(env.clock.unique()) > 2
    assert env.clock.max() < 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scenario": "Cheetah"}, "scenario: must be one of Ant, HalfCheetah"),
        ({"agent_conf": "3x2"}, "agent_conf: HalfCheetah has no division '3x2'. Known: 2x3, 6x1"),
        ({"agent_conf": "6x1"}, r"joint: False, but the agents' sizes .* differ \(agent_0 9/1"),
        ({"max_steps": 2000}, r"max_steps: must be in \[1, 1000\]"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_way_out(options, words):
    with pytest.raises(ConfigError, match=words):
        mamujoco.SIMULATOR.check({"env_config": CHEETAH | options})


def test_its_absence_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    with pytest.raises(ConfigError, match="gymnasium-robotics is not installed; pip install"):
        mamujoco.SIMULATOR.check({"env_config": CHEETAH})


@pytest.mark.parametrize(
    ("scenario", "conf"), [(s, c) for s, confs in mamujoco.DIVISIONS.items() for c in confs]
)
def test_every_listed_division_can_be_made(scenario, conf):
    config = {"env_config": {"scenario": scenario, "agent_conf": conf, "joint": True}}
    assert len(mamujoco.SIMULATOR.layout(config).sizes) > 1


def test_the_command_line_knows_the_task_and_its_spaces():
    config = {"env_name": "mamujoco", "env_config": dict(CHEETAH)}
    mamujoco.SIMULATOR.check(config)
    observation, action = mamujoco.SIMULATOR.spaces(config)
    assert mamujoco.SIMULATOR.task(config) == "HalfCheetah-2x3"
    assert mamujoco.SIMULATOR.task({"env_name": "mamujoco"}) == "HalfCheetah-2x3"
    assert (observation.shape, action.shape) == ((12,), (3,))
