"""The model between the questions of agent and player and the policy."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from rlg_genpo.common.messages import Act, Criticise, Evaluate, Play, Seen, Value
from tests.ddpl import teams
from tests.rig import BASES, CPPO, LSTM, STANDARD

B = 5
POLICIES = {
    "genpo": {},
    "genpo_standard": STANDARD,
    "cppo": CPPO,
    "cppo_standard": {**CPPO, **STANDARD},
    "ddpl": teams.overrides(),
}


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


def questions(seen, stored=None):
    """One of every kind; the last is for a policy whose actions have a density."""
    asked = [Act(seen), Play(seen, True, None), Play(seen, False, None)]
    asked += [Value(seen), Criticise(seen)]
    return asked if stored is None else [*asked, Evaluate(seen, stored, 2)]


#: what rl_games stores of a GenPO rollout, by the flow's base, as its width or None
STORED = {
    "gaussian": {"actions": 4, "neglogpacs": None, "values": 1, "mus": 2, "sigmas": 2},
    "standard": {"actions": 4, "neglogpacs": None, "values": 1},
}


@pytest.mark.parametrize("base", STORED)
@pytest.mark.parametrize("batch", [1, B])
def test_rl_games_dictionary_is_answered_with_what_it_stores(model, batch, base):
    obs = torch.randn(batch, 4)
    inputs = {"is_train": False, "prev_actions": None, "obs": obs, "rnn_states": None}
    before = dict(inputs)
    out = model(BASES[base])(inputs)
    shapes = {key: tuple(value.shape) for key, value in out.items() if value is not None}
    stored = STORED[base].items()
    assert shapes == {key: (batch,) if width is None else (batch, width) for key, width in stored}
    assert inputs.keys() == before.keys() and all(inputs[key] is before[key] for key in before)


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
@pytest.mark.parametrize("batch", [1, B])
def test_evaluating_a_sample_gives_back_its_density(model, batch, base):
    network, seen = model(base), Seen(torch.randn(batch, 4))
    acted = network(Act(seen)).acted
    out = network(Evaluate(seen, acted.stored, 0))
    assert out.density.neglogp.shape == out.density.entropy.shape == (batch,)
    torch.testing.assert_close(out.density.neglogp, acted.neglogp)
    assert out.fresh is None


def test_values_are_normalised_in_the_update_and_real_in_the_rollout(model):
    network, seen = model(), Seen(torch.randn(B, 4))
    stored = network(Act(seen)).acted.stored
    real = [network(ask).values for ask in (Act(seen), Play(seen, True, None), Value(seen))]
    normal = [network(ask).values for ask in (Evaluate(seen, stored, 0), Criticise(seen))]
    # Mean 7 and, at the start, variance 1 (and rl_games' epsilon under the root).
    for values in real:
        torch.testing.assert_close(values, normal[0] + 7, rtol=1e-4, atol=1e-4)
    assert torch.equal(*normal)


def test_the_policy_sees_normalised_observations(model):
    network, obs = model(), torch.randn(B, 4)
    plain = model({"config.normalize_input": False})
    weights = {k: v for k, v in network.state_dict().items() if not k.startswith("running")}
    plain.load_state_dict(weights)
    stored = torch.randn(B, 4)
    # The mean was set to 1/2, the variance is still 1, epsilon is 1e-5.
    normal = (obs - 0.5) / (1 + 1e-5) ** 0.5
    expected = plain(Evaluate(Seen(normal), stored, 0)).density.neglogp
    result = network(Evaluate(Seen(obs), stored, 0)).density.neglogp
    torch.testing.assert_close(result, expected)
    for base in BASES.values():
        on_observation = model({**base, "network.flow.condition": "observation"})
        torch.testing.assert_close(on_observation.source(Seen(obs))[:, -4:], normal)


@pytest.mark.parametrize("question", [Value, Criticise])
def test_asking_for_the_value_draws_no_noise(model, question):
    network, seen = model(), Seen(torch.randn(B, 4))
    state = torch.get_rng_state()
    network(question(seen))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("count", [1, 3])
def test_fresh_samples_are_as_many_as_asked_for(model, count):
    fresh = model()(Evaluate(Seen(torch.randn(B, 4)), torch.randn(B, 4), count)).fresh
    assert fresh.shape == (count, 4) and fresh.requires_grad


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_player_receives_environment_actions(model, policy, deterministic):
    network, ask = model(policy), Play(Seen(torch.randn(B, 4)), deterministic, None)
    first, second = network(ask).action, network(ask).action
    assert first.shape == (B, 2)
    assert torch.equal(first, second) == deterministic


def test_recurrent_states_come_out_as_they_went_in(model):
    network = model({"network.rnn": LSTM})
    states = [torch.zeros(1, B, 16), torch.zeros(1, B, 16)]
    for ask in questions(Seen(torch.randn(B, 4), states), torch.randn(B, 4)):
        out = network(ask).rnn_states
        assert [tuple(state.shape) for state in out] == [(1, B, 16)] * 2
        assert all(state.abs().max().item() > 0 for state in out)


def test_densities_are_float32_under_autocast(model):
    network, seen = model(), Seen(torch.randn(B, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        acted = network(Act(seen)).acted
        out = network(Evaluate(seen, acted.stored, 2))
    parts = [acted.stored, acted.neglogp, out.density.neglogp, out.fresh, out.values]
    assert {part.dtype for part in parts} == {torch.float32}
    torch.testing.assert_close(out.density.neglogp, acted.neglogp)


def test_a_dictionary_is_normalised_key_by_key(rig):
    model = rig.agent({"config.env_config.observation": "dict"}).model
    model.running_mean_std.train()
    obs = {"goal": torch.randn(2_000, 2) * 3 + 1, "position": torch.randn(2_000, 2) - 5}
    model.norm_obs(obs)
    model.eval()
    for part in model.norm_obs(obs).values():
        torch.testing.assert_close(part.mean(dim=0), torch.zeros(2), atol=0.01, rtol=0)
        torch.testing.assert_close(part.std(dim=0), torch.ones(2), atol=0.02, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize("normalises", [False, True])
def test_a_compiled_model_answers_as_before_and_compiles_each_question_once(
    model, policy, normalises
):
    # rl_games' scripted normalisers are all that breaks the graph.
    keys = "config.normalize_input", "config.normalize_value"
    network, graphs = model({**policy, **dict.fromkeys(keys, normalises)}), CompileCounter()
    torch.compiler.reset()
    compiled = torch.compile(network, backend=graphs, fullgraph=not normalises)
    stored = None if policy is POLICIES["ddpl"] else torch.randn(B, 4)

    def answers(asked):
        torch.manual_seed(0)
        return [asked(ask) for ask in questions(Seen(torch.ones(B, 4)), stored)]

    for now, before in zip(answers(compiled), answers(network), strict=True):
        torch.testing.assert_close(now.values, before.values)
        assert type(now) is type(before)
    count = graphs.frame_count
    assert normalises or count <= len(questions(None, stored))
    answers(compiled)
    assert graphs.frame_count == count > 0
