"""The two-agent game under rl_games: its rows, spaces and seeds, and what it refuses."""

import pytest
import torch
from rl_games.common import vecenv
from rl_games.torch_runner import Runner

from rlg_genpo import ConfigError
from rlg_genpo.cli import configs, validation
from rlg_genpo.common.joint import JointEnv
from rlg_genpo.envs import game
from rlg_genpo.envs.game import Game, payoff


def make(envs=3, **options):
    return Game(envs, {"device": "cpu", **options})


PAIRS = torch.tensor([[0.6, 0.6], [0.0, 0.0], [-0.6, 0.2]])


def test_rows_are_environment_major_and_the_payoff_is_common():
    env = make()
    assert env.get_env_info()["agents"] == env.get_number_of_agents() == 2
    _, reward, done, infos = env.step(PAIRS.reshape(6, 1))
    assert reward.tolist() == pytest.approx(payoff(PAIRS).repeat_interleave(2).tolist())
    assert reward[:4].tolist() == pytest.approx([1.0, 1.0, 0.6, 0.6])
    assert done.dtype == torch.bool and done.all()
    assert "time_outs" not in infos, "a game ends by itself; nothing is to be bootstrapped"


@pytest.mark.parametrize("env", [make(joint=True), JointEnv(make())], ids=["joint", "joined"])
def test_as_one_agent_it_is_the_same_game(env):
    info = env.get_env_info()
    assert (info["agents"], info["observation_space"].shape) == (1, (2,))
    assert [tuple(size) for size in info["agent_sizes"]] == [("left", 1, 1), ("right", 1, 1)]
    obs, reward, done, _ = env.step(PAIRS)
    assert reward.tolist() == pytest.approx(payoff(PAIRS).tolist())
    assert obs.shape == (3, 2) and done.tolist() == [True] * 3


def test_actions_beyond_the_bounds_are_clipped():
    env = make(envs=1)
    beyond = env.step(torch.tensor([[3.0], [-1.5]]))[1]
    assert torch.equal(beyond, env.step(torch.tensor([[1.0], [-1.0]]))[1])


def test_nothing_depends_on_a_seed():
    one, other = make(seed=1), make(seed=2)
    assert torch.equal(one.reset(), other.reset())
    assert torch.equal(one.step(PAIRS.reshape(6, 1))[1], other.step(PAIRS.reshape(6, 1))[1])


def test_everything_is_on_the_device_and_of_the_spaces_shape(device):
    env = vecenv.create_vec_env("game", 5, device=device, seed=1)
    info = env.get_env_info()
    obs = env.reset()
    assert obs.shape == (10, *info["observation_space"].shape)
    assert (obs == 0).all() and obs.device.type == device[:4]
    step = env.step(torch.zeros(10, *info["action_space"].shape, device=device))
    assert all(len(part) == 10 and part.device == obs.device for part in step[:3])
    assert info["action_space"].high.tolist() == [1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"join": True}, r"env_config\.join: unknown key, did you mean 'joint'"),
        ({"joint": 3}, r"env_config\.joint: must be"),
        ({"device": "gpu"}, r"env_config\.device: torch knows no device 'gpu'"),
    ],
)
def test_bad_options_name_the_key_and_the_way_out(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)
    with pytest.raises(ConfigError, match=message):
        game.SIMULATOR.check({"env_name": "game", "env_config": options})


def test_a_central_value_has_no_states_here():
    with pytest.raises(ConfigError, match="central_value_config: needs states"):
        game.SIMULATOR.check({"central_value_config": {}})


def test_its_layout_is_known():
    assert game.SIMULATOR.layout({"env_name": "game"}).agents == 2
    assert game.SIMULATOR.spaces({"env_config": {"joint": True}})[1].shape == (2,)


@pytest.mark.parametrize("name", ["game_ddpl", "game_ppo"])
def test_a_shipped_configuration_trains_an_epoch(name, tmp_path):
    params = configs.load(configs.find(name))
    params["config"].update(
        max_epochs=1, num_actors=32, minibatch_size=32, train_dir=str(tmp_path), torch_compile=False
    )
    params["config"].update(device="cpu", device_name="cpu")
    validation.check(params)
    runner = Runner()
    runner.load({"params": params})
    runner.run_train({"train": True})
    assert list(tmp_path.glob("*/nn/last_*_ep_1_*.pth"))
