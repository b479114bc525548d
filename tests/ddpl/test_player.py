"""DDPL at play: every agent by itself, from its own slice of the observation alone."""

import pytest
import torch

from tests.ddpl import teams
from tests.rig import Rig, play

OBS = torch.tensor([[0.3, -0.8, 0.1, 0.9], [-1.0, 0.2, 0.7, -0.4], [0.0, 0.5, -0.5, 0.6]])
#: the action component, and the observations, of each agent of the team
OWN = ((0, [0, 1, 2]), (1, [3]))


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path, teams.overrides())


@pytest.fixture
def trained(rig):
    """A player whose agents look at what they see."""
    learned = {"config.learning_rate": 1e-2, "config.max_epochs": 2}
    return rig.player({}, rig.train(learned).checkpoint())


def batched(player, obs=OBS):
    player.get_batch_size(obs, 1)
    return player


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_agents_action_depends_on_its_own_observation_alone(trained, deterministic):
    player = batched(trained)

    def act(obs):
        torch.manual_seed(5)
        return player.get_action(obs, deterministic)

    act(OBS)  # the first call takes the agents apart, and draws initial weights for them
    before = act(OBS)
    for component, columns in OWN:
        others = [column for column in range(4) if column not in columns]
        changed = OBS.clone()
        changed[:, others] = torch.randn(3, len(others))
        assert torch.equal(act(changed)[:, component], before[:, component])
        changed = OBS.clone()
        changed[:, columns] += 0.5
        assert not torch.equal(act(changed)[:, component], before[:, component])


def test_the_player_asks_neither_critic_nor_joint_network(trained, monkeypatch):
    player = batched(trained)

    def refused(*args, **kwargs):
        raise AssertionError("the joint model was asked")

    monkeypatch.setattr(player.model, "forward", refused)
    monkeypatch.setattr(player.model.a2c_network, "forward", refused)
    assert player.get_action(OBS, True).shape == (3, 2)


def test_the_deterministic_action_repeats_itself_and_a_sample_does_not(trained):
    player = batched(trained)
    assert torch.equal(player.get_action(OBS, True), player.get_action(OBS, True))
    assert not torch.equal(player.get_action(OBS, False), player.get_action(OBS, False))


def test_the_deterministic_action_is_the_trained_policys(trained):
    player = batched(trained)
    model = player.model
    with torch.no_grad():
        expected = model.policy.deterministic_action(model.norm_obs(OBS)).clamp(-1, 1)
    torch.testing.assert_close(player.get_action(OBS, True), expected, rtol=0, atol=1e-6)


def test_actions_are_stretched_to_the_environments_range(rig):
    bounds = {"config.env_config": {"low": (-2.0, 0.0), "high": (2.0, 1.0)}}
    checkpoint = rig.train({**bounds, "config.max_epochs": 1}).checkpoint()
    wide, unit = (batched(rig.player(more, checkpoint)) for more in (bounds, {}))
    plain = unit.get_action(OBS, True)
    expected = torch.stack([2 * plain[:, 0], (plain[:, 1] + 1) / 2], dim=-1)
    torch.testing.assert_close(wide.get_action(OBS, True), expected, rtol=0, atol=1e-6)


def test_one_observation_gives_one_action(trained):
    trained.get_batch_size(OBS[0], 1)
    assert not trained.has_batch_dimension
    single = trained.get_action(OBS[0], True)
    assert single.shape == (2,)
    together = batched(trained).get_action(OBS, True)[0]
    torch.testing.assert_close(single, together, rtol=0, atol=1e-6)


def test_a_checkpoint_read_anew_is_played_anew(rig):
    player = batched(rig.player({}, rig.train({"config.max_epochs": 1}).checkpoint()))
    before = player.get_action(OBS, True)
    later = rig.train({"config.learning_rate": 3e-2, "config.name": "later"})
    player.restore(later.checkpoint())
    assert not torch.equal(player.get_action(OBS, True), before)


def test_native_agents_are_played_joined(tmp_path):
    rig = Rig(tmp_path, teams.NATIVE)
    player = rig.player({}, rig.train({"config.max_epochs": 1}).checkpoint())
    reward = play(player, 16, True)
    assert torch.isfinite(torch.tensor(reward))
    assert player.env.actions[-1].shape == (16 * 2, 2)  # the wrapped environment's rows
