"""rl_games' dictionaries by their keys."""

import torch

from rlg_genpo.common import messages as io
from rlg_genpo.common.policy import Acted, Evaluated, Gaussian


def test_a_request_without_flags_is_a_training_request():
    request = io.read({"obs": 1, "prev_actions": 2})
    assert (request.train, request.value_only, request.fresh) == (True, False, 0)
    assert (request.obs, request.stored, request.trunk) == (1, 2, {})


def test_what_the_trunk_needs_travels_along():
    inputs = {"obs": 0, "rnn_states": 1, "dones": 2, "seq_length": 3, "bptt_len": 4, "other": 5}
    assert io.read(inputs).trunk == {"rnn_states": 1, "dones": 2, "seq_length": 3, "bptt_len": 4}


def test_questions_are_read_back():
    value = io.read(io.ask_value("obs", "states"))
    assert (value.value_only, value.train, value.trunk) == (True, False, {"rnn_states": "states"})
    evaluation = io.read(io.ask_evaluation("obs", "stored", 3))
    assert (evaluation.train, evaluation.stored, evaluation.fresh) == (True, "stored", 3)


def test_a_minibatch_by_rl_games_names():
    names = ("actions", "old_logp_actions", "advantages", "old_values", "returns")
    given = {name: torch.tensor([float(i)]) for i, name in enumerate(names)}
    batch = io.Minibatch.from_dict({"obs": "o", "rnn_states": "s", "dones": "d", **given})
    parts = (batch.stored, batch.old_neglogp, batch.advantage, batch.old_values, batch.returns)
    assert [part.item() for part in parts] == [0, 1, 2, 3, 4]
    assert batch.mask is None
    assert batch.trunk == {"rnn_states": "s", "dones": "d"}
    masked = io.Minibatch.from_dict({"obs": "o", "rnn_masks": "m", **given})
    assert (masked.mask, masked.trunk) == ("m", {})


def test_an_evaluation_comes_back_by_name():
    neglogp, entropy, mean, sigma = torch.rand(4, 3, 2)
    for gaussian in (None, Gaussian(mean, sigma)):
        out = io.evaluated(Evaluated(neglogp, entropy, gaussian), "values", "states", "fresh")
        result = io.Evaluation.from_dict(out)
        assert result.neglogp is neglogp and result.entropy is entropy
        assert (result.values, result.fresh) == ("values", "fresh")
        assert result.gaussian == gaussian


def test_rl_games_stores_a_gaussian_by_its_own_names():
    stored, neglogp, mean, sigma = torch.rand(4, 3, 2)
    assert "mus" not in io.acted(Acted(stored, neglogp), "values", "states")
    out = io.acted(Acted(stored, neglogp, Gaussian(mean, sigma)), "values", "states")
    assert out["mus"] is mean and out["sigmas"] is sigma


def test_the_rollouts_gaussian_outlives_what_rl_games_overwrites():
    names = ("actions", "old_logp_actions", "advantages", "old_values", "returns")
    values = {"obs": 0, "mu": torch.zeros(3, 2), "sigma": torch.ones(3, 2)}
    values |= {name: torch.zeros(3, 1) for name in names}
    io.keep_rollout_gaussian(values)
    values["mu"][:] = 5.0
    batch = io.Minibatch.from_dict(values)
    assert batch.rollout.mean.max() == 0 and batch.latest.mean.min() == 5


def test_a_density_of_another_kind_has_a_gaussian_of_no_width():
    batch = io.blank_gaussian({"actions": torch.zeros(3, 4)})
    assert batch["mus"].shape == batch["sigmas"].shape == (3, 0)
