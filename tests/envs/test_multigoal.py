"""The multi-goal point mass: equal goals, its clock, its seeds, and what it refuses."""

import math

import pytest
import torch
from rl_games.common import vecenv

from examples.analysis import coverage
from rlg_genpo import ConfigError
from rlg_genpo.envs import multigoal
from rlg_genpo.envs.multigoal import COST, NONE, REACH, STEP, MultiGoal


def make(envs=3, **options):
    return MultiGoal(envs, {"seed": 0, "device": "cpu", **options})


def at(env, *points):
    """Put the points somewhere."""
    env.position = torch.tensor(points)
    return env


def still(env):
    return torch.zeros(len(env.position), 2)


@pytest.mark.parametrize("goals", [1, 2, 4, 7])
def test_the_goals_are_an_orbit_of_the_rotation_by_a_gth_of_a_turn(goals):
    env = make(goals=goals, radius=1.5)
    turn = math.tau / goals
    rotation = torch.tensor(
        [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]], dtype=torch.float32
    )
    assert torch.allclose(env.goals @ rotation, env.goals.roll(-1, 0), atol=1e-6)
    assert torch.allclose(env.goals.norm(dim=-1), torch.full((goals,), 1.5))


def test_straight_ways_to_all_goals_are_paid_alike():
    # Five goals: none of the square's symmetries would make them equal.
    env = make(envs=5, goals=5, start_noise=0.0)
    obs = env.reset()
    total = torch.zeros(5)
    for _ in range(24):
        obs, reward, _, infos = env.step((env.goals - obs) / STEP)
        total += reward
    assert infos["goal"].tolist() == [0, 1, 2, 3, 4]
    assert torch.allclose(total, total[:1].expand(5), atol=1e-4)
    # Nine steps on the way at full speed, the tenth arrives, fourteen are spent at the goal.
    way = sum(math.exp(-((1 - STEP * k) ** 2) / (2 * 0.3**2)) - COST for k in range(1, 11))
    assert total[0].item() == pytest.approx(way + 14, abs=1e-4)


def test_standing_on_a_goal_pays_one_and_moving_costs():
    env = at(make(envs=2), [1.0, 0.0], [1.0 - STEP, 0.0])
    _, reward, _, infos = env.step(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    assert reward.tolist() == pytest.approx([1.0, 1.0 - COST])
    assert infos["goal"].tolist() == [0, 0]


def test_reward_beside_a_goal_by_hand():
    # Half a unit below the second goal, (0, 1): exp(-0.25 / 0.18), and 0.02 * 0.25 for the speed.
    env = at(make(envs=1), [0.0, 0.45])
    _, reward, _, _ = env.step(torch.tensor([[0.0, 0.5]]))
    assert reward.item() == pytest.approx(math.exp(-0.25 / 0.18) - 0.005)


def test_no_action_is_faster_than_one():
    env = at(make(envs=3), [0.0, 0.0], [0.0, 0.0], [0.0, 0.0])
    _, _, _, infos = env.step(torch.tensor([[1.0, 1.0], [-9.0, 0.0], [0.3, 0.4]]))
    moved = infos["position"] / STEP
    assert moved.norm(dim=-1).tolist() == pytest.approx([1.0, 1.0, 0.5])
    assert moved[0].tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert moved[1].tolist() == pytest.approx([-1.0, 0.0])


def test_a_goal_is_reached_within_its_circle_only():
    env = at(make(envs=4), [0.0, 0.0], [1 - 0.99 * REACH, 0], [1 - 1.01 * REACH, 0], [0, -1.0])
    assert env.step(still(env))[3]["goal"].tolist() == [NONE, 0, NONE, 3]


def test_an_episode_ends_at_its_length_by_its_time_limit_and_another_begins():
    env = make(envs=2, length=10, start_noise=0.0)
    env.reset()
    for step in range(1, 21):
        obs, _, done, infos = env.step(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        assert done.tolist() == infos["time_outs"].tolist() == [step % 10 == 0] * 2
        assert done.dtype == torch.bool
    # The record is of the episode's end, the observation of the next one's start.
    assert infos["goal"].tolist() == [0, NONE]
    assert infos["position"][0].tolist() == pytest.approx([1.0, 0.0])
    assert obs.tolist() == [[0.0, 0.0]] * 2


def test_the_seed_decides_every_start():
    def starts(seed):
        env = make(envs=4, length=8, seed=seed)
        return torch.stack([env.reset(), *(env.step(still(env))[0] for _ in range(9))])

    assert torch.equal(starts(1), starts(1))
    assert not torch.equal(starts(1), starts(2))
    # The noise is of the standard deviation that is asked for: 4 sigma of 4000 draws.
    spread = make(envs=2000, start_noise=0.1).reset().std().item()
    assert spread == pytest.approx(0.1, abs=4 * 0.1 / math.sqrt(2 * 4000))


def test_a_step_does_not_change_what_earlier_ones_gave_out():
    env = make()
    seen = env.reset()
    kept = [seen, *env.step(torch.ones(3, 2))[:3]]
    before = [value.clone() for value in kept]
    env.step(-torch.ones(3, 2))
    assert all(torch.equal(a, b) for a, b in zip(kept, before, strict=True))


def test_everything_is_on_the_device_and_of_the_spaces_shape(device):
    env = vecenv.create_vec_env("multigoal", 5, device=device, seed=1)
    info = env.get_env_info()
    obs = env.reset()
    assert obs.shape == (5, *info["observation_space"].shape) and obs.device.type == device[:4]
    action = torch.zeros(5, *info["action_space"].shape, device=device)
    obs, reward, done, infos = env.step(action)
    everything = [obs, reward, done, *infos.values()]
    assert all(len(part) == 5 and part.device == obs.device for part in everything)
    assert info["action_space"].high.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goal": 3}, r"env_config\.goal: unknown key, did you mean 'goals'"),
        ({"goals": 0}, r"env_config\.goals: must be at least 1, got 0"),
        ({"goals": 2.5}, r"env_config\.goals: must be a whole number, got 2\.5"),
        ({"radius": 0}, r"env_config\.radius: must be above 0, got 0"),
        ({"start_noise": -1}, r"env_config\.start_noise: must be at least 0, got -1"),
        ({"length": 6}, r"env_config\.length: 6 steps .* radius 1; at least 7, or a smaller"),
        ({"goals": 11}, r"env_config\.goals: 11 on a circle of radius 1 .*; at most 10"),
        ({"goals": 2, "radius": 0.1}, r"env_config\.goals: 2 on a circle .*; at most 1"),
        ({"device": "gpu"}, r"env_config\.device: torch knows no device 'gpu'"),
    ],
)
def test_bad_options_name_the_key_and_the_way_out(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)
    with pytest.raises(ConfigError, match=message):
        multigoal.SIMULATOR.check({"env_name": "multigoal", "env_config": options})


@pytest.mark.parametrize("options", [{"length": 7}, {"goals": 10}, {"goals": 1, "radius": 0.1}])
def test_the_way_out_is_one(options):
    assert make(**options).goals.shape == (options.get("goals", 4), 2)


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"env_config\.device: cuda:0, but torch sees no CUDA"):
        make(device="cuda:0")


def test_a_central_value_has_no_states_here():
    with pytest.raises(ConfigError, match="central_value_config: needs states"):
        multigoal.SIMULATOR.check({"central_value_config": {}})


def test_training_and_playing_through_rl_games(rig):
    settings = {
        "config.env_name": "multigoal",
        "config.env_config": {"length": 8, "start_noise": 0.0},
        "config.player.use_vecenv": True,
    }
    run = rig.train(settings)
    assert run.unmoved() == []
    assert run.agent.vec_env.settings.seed == 3, "rl_games did not pass on params.seed"
    player = rig.player(settings, run.checkpoint())
    player.has_batch_dimension = True
    paths = coverage.roll(player.env, lambda obs: player.get_action(obs, True)).paths
    # One start and no noise: every point takes the same way, which leads somewhere.
    assert torch.allclose(paths, paths[:, :1].expand_as(paths), atol=1e-6)
    assert paths[-1].abs().max() > 0
