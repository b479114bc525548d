"""rl_games' dictionaries by their keys."""

from types import SimpleNamespace

import pytest
import torch

from rlg_genpo.common import messages
from rlg_genpo.common.messages import Seen
from rlg_genpo.common.policy import Acted, Gaussian

NAMES = ("actions", "old_logp_actions", "advantages", "old_values", "returns")


def test_rl_games_rollout_question_is_read_by_its_keys():
    inputs = {"rnn_states": 1, "dones": 2, "seq_length": 3, "bptt_len": 4}
    asked = {"obs": 0, "is_train": False, "prev_actions": None, **inputs}
    assert messages.act_request(asked) == messages.Act(Seen(0, 1, 2, 3, 4))
    assert messages.act_request({"obs": 0}) == messages.Act(Seen(0))


@pytest.mark.parametrize("inputs", [{}, {"rnn_states": 1, "dones": 2, "seq_length": 3}])
def test_a_trunk_is_shown_what_there_is(inputs):
    assert Seen("obs", **inputs).for_trunk() == {"obs": "obs", **inputs}
    assert Seen("obs", **inputs).with_obs("other") == Seen("other", **inputs)


@pytest.mark.parametrize(("with_dones", "dones"), [(True, "d"), (False, None)])
def test_a_recurrent_trunk_is_shown_the_rollouts_states(with_dones, dones):
    batch = {"obs": "raw", "rnn_states": "s", "dones": "d"}
    assert messages.recurrent(batch, "obs", 4, with_dones) == Seen("obs", "s", dones, 4)


def test_a_minibatch_by_rl_games_names():
    given = {name: torch.tensor([float(i)]) for i, name in enumerate(NAMES)}
    batch = messages.minibatch(given, Seen("o"))
    parts = (batch.stored, batch.old_neglogp, batch.advantage, batch.old_values, batch.returns)
    assert [part.item() for part in parts] == [0, 1, 2, 3, 4]
    assert (batch.seen, batch.mask, batch.rows) == (Seen("o"), None, slice(None))
    mask = torch.tensor([1.0, 0.0, 1.0])
    masked = messages.minibatch({"rnn_masks": mask, **given}, Seen("o"))
    assert masked.mask is mask and torch.arange(3)[masked.rows].tolist() == [0, 2]


def test_a_step_is_answered_with_what_the_policy_has():
    stored, neglogp, mean, sigma = torch.rand(4, 3, 2)

    def answer(*density):
        return messages.step_answer(messages.Step("v", "s", Acted(stored, *density)))

    always = {"actions": stored, "values": "v", "rnn_states": "s"}
    assert answer() == always
    assert answer(neglogp) == {**always, "neglogpacs": neglogp}
    assert answer(neglogp, Gaussian(mean, sigma)) == {
        **always,
        "neglogpacs": neglogp,
        "mus": mean,
        "sigmas": sigma,
    }


def test_the_rollouts_gaussian_outlives_what_rl_games_overwrites():
    values = {"mu": torch.zeros(3, 2), "sigma": torch.ones(3, 2)}
    values |= {name: torch.zeros(3, 1) for name in NAMES}
    messages.keep_rollout_gaussian(values)
    values["mu"][:] = 5.0
    batch = messages.minibatch(values, Seen("o"))
    assert batch.rollout.mean.max() == 0 and batch.latest.mean.min() == 5


def test_the_latest_density_is_the_rollouts_until_a_pass_has_been_over_a_row():
    old = torch.arange(4.0)
    dataset = SimpleNamespace(values_dict={"old_logp_actions": old}, last_range=(2, 4))
    messages.keep_latest_density(dataset)
    messages.keep_latest_density(dataset, torch.tensor([7.0, 8.0]))
    latest = dataset.values_dict[messages.LATEST]
    assert latest.tolist() == [0, 1, 7, 8] and old.tolist() == [0, 1, 2, 3]
    dataset.last_range = (0, 2)
    messages.keep_latest_density(dataset, torch.tensor([5.0, 6.0]))
    assert latest.tolist() == [5, 6, 7, 8]
    messages.keep_latest_density(dataset)  # the next rollout
    assert dataset.values_dict[messages.LATEST].tolist() == [0, 1, 2, 3]


def test_what_a_policy_lacks_has_no_width_in_the_rollout():
    blank = messages.without_width({"actions": torch.zeros(3, 4), "mus": torch.ones(3, 2)})
    shapes = {key: tuple(value.shape) for key, value in blank.items()}
    assert shapes == {"actions": (3, 4), "neglogpacs": (3, 0), "mus": (3, 2), "sigmas": (3, 0)}


def test_a_gradient_step_is_reported_in_rl_games_order():
    given = {name: torch.zeros(3, 2) for name in NAMES}
    batch = messages.minibatch(given, Seen("o"))
    mean, sigma = torch.rand(2, 3, 2, requires_grad=True)
    parts = {name: name for name in ("actor", "critic", "entropy", "kl", "bounds")}
    names = ("actor", "critic", "entropy", "kl", 1e-3, 1.0)
    result = messages.GradientStep(**parts, gaussian=Gaussian(mean, sigma)).as_tuple(batch, 1e-3)
    assert (*result[:6], result[8]) == (*names, "bounds")
    assert torch.equal(result[6], mean) and torch.equal(result[7], sigma)
    assert not result[6].requires_grad
    blank = messages.GradientStep(**parts, gaussian=None).as_tuple(batch, 1e-3)
    assert blank[6].shape == blank[7].shape == (3, 0)
