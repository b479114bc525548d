"""The model between rl_games' dictionaries and the policy."""

import pytest
import torch

from rlg_genpo.common import messages as io
from rlg_genpo.common.model import Playing
from tests.rig import LSTM

B = 5


@pytest.fixture
def model(rig):
    def of(overrides=None):
        model = rig.agent(overrides).model.eval()
        if model.normalize_input:
            model.running_mean_std.running_mean.fill_(0.5)
        if model.normalize_value:
            model.value_mean_std.running_mean.fill_(7.0)
        return model

    return of


def ask(obs, **more):
    return {"is_train": False, "prev_actions": None, "obs": obs, "rnn_states": None, **more}


@pytest.mark.parametrize("batch", [1, B])
def test_acting_gives_what_rl_games_stores(model, batch):
    out = model()(ask(torch.randn(batch, 4)))
    shapes = {key: tuple(value.shape) for key, value in out.items() if value is not None}
    assert shapes == {"actions": (batch, 4), "neglogpacs": (batch,), "values": (batch, 1)}


@pytest.mark.parametrize("batch", [1, B])
def test_evaluating_a_sample_gives_back_its_density(model, batch):
    network, obs = model(), torch.randn(batch, 4)
    acted = network(ask(obs))
    out = network(io.ask_evaluation(obs, acted["actions"], 0))
    assert out["prev_neglogp"].shape == out["entropy"].shape == (batch,)
    torch.testing.assert_close(out["prev_neglogp"], acted["neglogpacs"])
    assert out["fresh"] is None


def test_values_are_normalised_in_the_update_and_real_in_the_rollout(model):
    network, obs = model(), torch.randn(B, 4)
    acted = network(ask(obs))
    evaluated = network(io.ask_evaluation(obs, acted["actions"], 0))
    # Mean 7 and, at the start, variance 1 (and rl_games' epsilon under the root).
    torch.testing.assert_close(acted["values"], evaluated["values"] + 7, rtol=1e-4, atol=1e-4)


def test_the_policy_sees_normalised_observations(model):
    network, obs = model(), torch.randn(B, 4)
    plain = model({"config.normalize_input": False})
    weights = {k: v for k, v in network.state_dict().items() if not k.startswith("running")}
    plain.load_state_dict(weights)
    stored = torch.randn(B, 4)
    # The mean was set to 1/2, the variance is still 1, epsilon is 1e-5.
    expected = plain(io.ask_evaluation((obs - 0.5) / (1 + 1e-5) ** 0.5, stored, 0))
    result = network(io.ask_evaluation(obs, stored, 0))
    torch.testing.assert_close(result["prev_neglogp"], expected["prev_neglogp"])


def test_the_input_dictionary_is_left_as_it_was(model):
    obs = torch.randn(B, 4)
    inputs = ask(obs)
    model()(inputs)
    assert inputs["obs"] is obs and set(inputs) == set(ask(obs))


def test_asking_for_the_value_draws_no_noise(model):
    network, obs = model(), torch.randn(B, 4)
    state = torch.get_rng_state()
    out = network(io.ask_value(obs, None))
    assert torch.equal(torch.get_rng_state(), state)
    assert set(out) == {"values", "rnn_states"}
    torch.testing.assert_close(out["values"], network(ask(obs))["values"])


@pytest.mark.parametrize("count", [1, 3])
def test_fresh_samples_are_as_many_as_asked_for(model, count):
    network, obs = model(), torch.randn(B, 4)
    out = network(io.ask_evaluation(obs, torch.randn(B, 4), count))
    assert out["fresh"].shape == (count, 4) and out["fresh"].requires_grad


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_player_receives_environment_actions(model, deterministic):
    network, obs = model(), torch.randn(B, 4)
    network.playing = Playing(deterministic, None)
    first, second = network(ask(obs)), network(ask(obs))
    assert first["mus"].shape == (B, 2) and first["mus"] is first["actions"]
    assert torch.equal(first["mus"], second["mus"]) == deterministic


def test_recurrent_states_come_out_as_they_went_in(model):
    network = model({"network.rnn": LSTM})
    states = [torch.zeros(1, B, 16), torch.zeros(1, B, 16)]
    out = network(ask(torch.randn(B, 4), rnn_states=states))
    assert [tuple(state.shape) for state in out["rnn_states"]] == [(1, B, 16)] * 2
    assert all(state.abs().max().item() > 0 for state in out["rnn_states"])
    assert set(network(io.ask_value(torch.randn(B, 4), states))) == {"values", "rnn_states"}


def test_densities_are_float32_under_autocast(model):
    network, obs = model(), torch.randn(B, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        acted = network(ask(obs))
        out = network(io.ask_evaluation(obs, acted["actions"], 2))
    parts = [acted[key] for key in ("actions", "neglogpacs")]
    parts += [out[key] for key in ("prev_neglogp", "fresh", "values")]
    assert {part.dtype for part in parts} == {torch.float32}
    torch.testing.assert_close(out["prev_neglogp"], acted["neglogpacs"])


def test_a_dictionary_is_normalised_key_by_key(rig):
    model = rig.agent({"config.env_config.observation": "dict"}).model
    model.running_mean_std.train()
    obs = {"goal": torch.randn(2_000, 2) * 3 + 1, "position": torch.randn(2_000, 2) - 5}
    model.norm_obs(obs)
    model.eval()
    for part in model.norm_obs(obs).values():
        torch.testing.assert_close(part.mean(dim=0), torch.zeros(2), atol=0.01, rtol=0)
        torch.testing.assert_close(part.std(dim=0), torch.ones(2), atol=0.02, rtol=0)
