"""One agent of a trained team by itself: the same actions, from its own observation alone."""

import pytest
import torch

from rlg_genpo.ddpl import single
from tests.ddpl import teams

RAGGED = teams.overrides([("near", 3, 1), ("far", 1, 1)])
EVEN = teams.overrides([("one", 2, 1), ("two", 2, 1)])
SHARED = {**EVEN, "network.diffusion.shared_weights": True}
MANY = {"config.num_actors": 4, "config.horizon_length": 8, "config.minibatch_size": 32}

every_team = pytest.mark.parametrize(
    "team", [RAGGED, EVEN, SHARED], ids=["ragged", "even", "shared"]
)


@pytest.fixture
def taken_apart(rig):
    """A trained team's player, and its agents."""

    def make(team):
        run = rig.train({**team, **MANY})
        player = rig.player({**team, **MANY}, run.checkpoint())
        return player, single.taken_apart(player.model, player.settings)

    return make


def slices_of(player, obs):
    return obs.split([agent.obs for agent in player.settings.agents], dim=-1)


@every_team
def test_agents_act_as_the_player_on_their_slices(team, taken_apart):
    player, alone = taken_apart(team)
    obs = 3 * torch.randn(32, 4)
    player.get_batch_size(obs, 1)
    together = player.get_action(obs, is_deterministic=True)
    parts = [own(part) for own, part in zip(alone, slices_of(player, obs), strict=True)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), together, rtol=0, atol=1e-6)
    assert together.std(dim=0).min() > 0


@pytest.mark.parametrize("normalised", [True, False])
@every_team
def test_agents_act_as_the_model_of_all(team, normalised, taken_apart):
    """The player takes agents apart too: this asks the network that was trained."""
    player, alone = taken_apart({**team, "config.normalize_input": normalised})
    # Beyond the limit of normalised observations.
    obs = 20 * torch.randn(32, 4)
    with torch.no_grad():
        whole = player.model.policy.deterministic_action(player.model.norm_obs(obs)).clamp(-1, 1)
    parts = [own(part) for own, part in zip(alone, slices_of(player, obs), strict=True)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), whole, rtol=0, atol=1e-6)


def test_samples_differ_and_stay_in_range(taken_apart):
    _, (near, far) = taken_apart(RAGGED)
    first, second = (near(torch.zeros(64, 3), deterministic=False) for _ in range(2))
    assert not torch.equal(first, second) and first.abs().max() <= 1
    assert (near.name, far.name) == ("near", "far")
    assert torch.equal(far(torch.zeros(2, 1)), far(torch.zeros(2, 1)))


def test_an_agent_takes_its_own_observation_alone(taken_apart):
    _, (near, far) = taken_apart(RAGGED)
    assert near(torch.zeros(5, 3)).shape == (5, 1)
    assert far(torch.zeros(5, 1)).shape == (5, 1)
    with pytest.raises(RuntimeError, match="size"):
        near(torch.zeros(5, 4))


def test_an_agent_has_no_critic(taken_apart):
    _, agents = taken_apart(RAGGED)
    for agent, obs in zip(agents, (3, 1), strict=True):
        held = agent.state_dict()
        assert held["mean"].shape == (obs,)
        assert not [key for key in held if "action_values" in key or "value" in key]
