"""Play: what rl_games' play command and Isaac Lab's play.py run."""

from pathlib import Path

import pytest
import torch

from rlg_genpo.common.messages import Evaluate, Seen
from tests.rig import LSTM, play

OBS = torch.tensor([[0.5, -0.5, 0.1, 0.9], [0.0, 0.3, -0.7, 0.2], [1.0, 1.0, -1.0, -1.0]])
TRUNKS = [
    {},
    {"network.flow.condition": "observation"},
    {"network.separate": True},
    {"network.flow.base": "standard"},
]


def batched(player):
    player.get_batch_size(OBS, 1)
    player.reset()
    return player


def condition_of(player, obs=OBS):
    return player.model.policy.condition(player.model.source(Seen(obs, player.states)))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_deterministic_action_is_the_flow_at_zero_noise(rig, trunk):
    player = batched(rig.player(trunk, rig.train(trunk).checkpoint()))
    with torch.no_grad():
        pair = player.model.policy.flow(condition_of(player), torch.zeros(3, 4))
    expected = (0.5 * (pair[:, :2] + pair[:, 2:])).clamp(-1, 1)
    torch.testing.assert_close(player.get_action(OBS, True), expected)
    torch.testing.assert_close(player.get_action(OBS, True), player.get_action(OBS, True))


def test_a_sampled_action_differs_from_call_to_call(rig):
    player = batched(rig.player())
    assert not torch.equal(player.get_action(OBS, False), player.get_action(OBS, False))


@pytest.mark.parametrize("trunk", TRUNKS)
def test_save_load_same_action_and_same_density(rig, trunk):
    run = rig.train(trunk)
    players = [batched(rig.player(trunk, run.checkpoint())) for _ in range(2)]
    actions = [player.get_action(OBS, True) for player in players]
    pair = torch.randn(3, 4)
    densities = [p.model.policy.evaluate(condition_of(p), pair).neglogp for p in players]
    assert torch.equal(*actions)
    assert torch.equal(*densities)
    # And the agent that wrote the checkpoint agrees.
    agent = run.agent
    agent.model.eval()
    density = agent.model(Evaluate(Seen(OBS), pair, 0)).density
    torch.testing.assert_close(density.neglogp, densities[0])


ANOTHER_PROCESS = """
import sys, pathlib, torch
import rlg_genpo
from tests.rig import Rig
from tests.common.test_player import OBS, batched
player = batched(Rig(pathlib.Path(sys.argv[1])).player({}, sys.argv[2]))
torch.save(player.get_action(OBS, True), sys.argv[3])
"""


@pytest.mark.slow
def test_another_process_plays_the_same_action(rig, warm):
    checkpoint, out = rig.train().checkpoint(), str(rig.folder / "action.pt")
    words = ["-c", ANOTHER_PROCESS, str(rig.folder), checkpoint, out]
    done = warm.run(words, Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    here = batched(rig.player({}, checkpoint)).get_action(OBS, True)
    torch.testing.assert_close(torch.load(out), here)


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_single_observation_without_batch_gives_one_action(rig, width, deterministic):
    bounds = {"config.env_config.low": [-2.0] * width, "config.env_config.high": [3.0] * width}
    player = rig.player(bounds)
    action = player.get_action(torch.zeros(2 * width), deterministic)
    assert action.shape == (width,)
    assert (action >= -2).all() and (action <= 3).all()


def test_actions_are_rescaled_to_the_environments_bounds(rig):
    # Untrained and without noise, the flow stays at the base's mean, clipped to [-1, 1].
    bounds = {"config.env_config.low": [1.0] * 2, "config.env_config.high": [5.0] * 2}
    mu_init = {"name": "random_uniform_initializer", "a": -3, "b": 3}
    player = batched(rig.player({**bounds, "network.space.continuous": {"mu_init": mu_init}}))
    mean = condition_of(player).base.mean
    assert (mean.abs() > 1).any() and (mean.abs() < 1).any()
    torch.testing.assert_close(player.get_action(OBS, True), 3 + 2 * mean.clamp(-1, 1))


@pytest.mark.parametrize("observation", ["memory", "dict"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_whole_episodes(rig, observation, deterministic):
    settings = {"config.env_config.observation": observation}
    if observation == "memory":
        settings["network.rnn"] = LSTM
    player = rig.player(settings, rig.train(settings).checkpoint())
    assert -8 < play(player, 20, deterministic) < 0


def test_rl_games_own_play_loop_runs(rig, capsys):
    settings = {"config.player": {"use_vecenv": True, "games_num": 20, "deterministic": True}}
    checkpoint = rig.train(settings).checkpoint()
    rig.runner(settings).run({"train": False, "play": True, "checkpoint": checkpoint})
    assert "av reward: -" in capsys.readouterr().out
