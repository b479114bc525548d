"""What is exported, as a torch module: beside the player, and given noise."""

import pytest
import torch

from rlg_genpo.errors import ConfigError
from rlg_genpo.export.policies import policies_of
from tests.export.cases import BOUNDS, CASES, GAUSSIAN, inputs_of, observed, player_of, started
from tests.rig import CPPO, LSTM

every_case = pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)
#: those with a policy of ours
OURS = [case for name, case in CASES.items() if not name.startswith("gaussian")]


def outputs(policy, inputs):
    with torch.no_grad():
        found = policy.module(*inputs)
    return [found] if isinstance(found, torch.Tensor) else list(found)


@every_case
def test_it_acts_as_the_player(rig, overrides):
    player, params = player_of(rig, overrides)
    obs = observed(player, 5)
    states = started(player, obs).states
    acted = player.get_action(obs, True)
    for policy in policies_of(player, params, sample=False):
        action, *following = outputs(policy, inputs_of(policy, obs, states))
        torch.testing.assert_close(action, acted[:, policy.part.acted])
        for found, expected in zip(following, player.states or (), strict=False):
            torch.testing.assert_close(found, expected)
    assert acted.std(dim=0).min() > 0


@every_case
def test_zero_noise_is_the_deterministic_action(rig, overrides):
    player, params = player_of(rig, overrides)
    obs = observed(player, 5)
    states = started(player, obs).states
    pairs = zip(*(policies_of(player, params, sample) for sample in (False, True)), strict=True)
    for still, sampled in pairs:
        inputs = inputs_of(still, obs, states)
        zeros = torch.zeros(5, *sampled.module.noise[0].shape)
        expected = outputs(still, inputs)
        for found, wanted in zip(outputs(sampled, [*inputs, zeros]), expected, strict=True):
            torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("overrides", [*OURS[:2], CPPO, CASES["cppo_flow"], CASES["ddpl"]])
def test_a_sample_of_given_noise_has_the_players_distribution(rig, overrides):
    player, params = player_of(rig, {**overrides, "config.clip_actions": False})
    rows = 20_000
    obs = observed(player, 1).expand(rows, -1)
    played = started(player, obs).get_action(obs, False)
    for policy in policies_of(player, params, sample=True):
        noise = torch.randn(rows, *policy.module.noise[0].shape)
        (action,) = outputs(policy, [obs[:, policy.part.observed], noise])
        own = played[:, policy.part.acted]
        sigma = own.std(dim=0)
        # Five standard errors of the difference of two means, and of two standard deviations.
        assert ((action.mean(dim=0) - own.mean(dim=0)).abs() < 5 * sigma * (2 / rows) ** 0.5).all()
        torch.testing.assert_close(action.std(dim=0), sigma, rtol=5 * (2 / rows) ** 0.5, atol=0)


def test_a_gaussian_sample_is_its_mean_and_sigma_times_the_noise(rig):
    player, params = player_of(rig, {**GAUSSIAN, "config.clip_actions": False})
    obs, noise = observed(player, 5), torch.randn(5, 2)
    mean = started(player, obs).get_action(obs, True)
    (policy,) = policies_of(player, params, sample=True)
    expected = mean + player.model.a2c_network.sigma.exp() * noise
    torch.testing.assert_close(outputs(policy, [obs, noise])[0], expected)


def test_actions_reach_the_environments_bounds(rig):
    player, params = player_of(rig, BOUNDS)
    (policy,) = policies_of(player, params, sample=True)
    noise = torch.tensor([[-100.0] * 4, [100.0] * 4])
    action = outputs(policy, [torch.zeros(2, 4), noise])[0]
    torch.testing.assert_close(action.sort(dim=0).values, torch.tensor([[-1.0, 1.0], [1.0, 5.0]]))


def test_inputs_and_outputs_are_named(rig):
    def names(overrides, sample=False):
        found = [p.module for p in policies_of(*player_of(rig, overrides), sample)]
        return [([i.name for i in m.inputs], [o.name for o in m.outputs]) for m in found]

    assert names({}) == [(["observation"], ["action"])]
    assert names({}, sample=True) == [(["observation", "noise"], ["action"])]
    lstm = (["observation", "hidden", "cell"], ["action", "next_hidden", "next_cell"])
    assert names({"network.rnn": LSTM}) == [lstm]
    assert names(CASES["genpo_lstm_separate"]) == [lstm]  # the actor's alone
    assert names(CASES["genpo_gru"]) == [(["observation", "hidden"], ["action", "next_hidden"])]
    (inputs, outputs_), *_ = names(CASES["genpo_dict_image"])
    assert outputs_ == ["action"] and len(inputs) > 1 and "observation" not in inputs
    assert len(names(CASES["ddpl"])) == 2


def test_a_deployment_that_keeps_its_noise_wants_it_as_an_input(rig):
    overrides = {**CPPO, "algo.deployment": "residual_sample"}
    player, params = player_of(rig, overrides)
    player.deployment = "residual_sample"
    with pytest.raises(ConfigError, match=r"--deployment residual_sample: .* add --sample"):
        policies_of(player, params, sample=False)
    (policy,) = policies_of(player, params, sample=True)
    assert policy.module.noise[0].shape == (4,)


def test_a_model_that_takes_no_noise_is_not_sampled(rig):
    player, params = player_of(rig, {**GAUSSIAN, "model.name": "continuous_a2c_tanh"})
    with pytest.raises(ConfigError, match=r"--sample: .* continuous_a2c_tanh takes no noise"):
        policies_of(player, params, sample=True)
