"""Named results to and from rl_games' dictionaries: the only file that spells their keys.

B batch, A width of the stored action, D size of the environment's action, V value size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rlg_genpo.common.policy import Acted, Evaluated, Gaussian


@dataclass(frozen=True)
class Request:
    """What rl_games asks of a model's forward()."""

    obs: Any  # (B, ...) or a dict of such; not yet normalised
    train: bool
    stored: Tensor | None  # (B, A), the rollout's actions, when training
    fresh: int  # how many fresh differentiable samples the losses want
    value_only: bool
    trunk: dict[str, Any]  # what the trunk needs beside obs: states, dones, lengths


def read(inputs: Mapping[str, Any]) -> Request:
    """A request from rl_games' input dictionary, which is left as it was."""
    trunk = {
        key: inputs[key]
        for key in ("rnn_states", "dones", "seq_length", "bptt_len")
        if key in inputs
    }
    return Request(
        obs=inputs["obs"],
        train=inputs.get("is_train", True),
        stored=inputs.get("prev_actions"),
        fresh=inputs.get("fresh_samples", 0),
        value_only=inputs.get("value_only", False),
        trunk=trunk,
    )


def rows_of(obs: Any, rows: slice) -> Any:
    """Some rows of an observation tensor, or of each tensor of a dictionary."""
    if isinstance(obs, Mapping):
        return {key: value[rows] for key, value in obs.items()}
    return obs[rows]


def ask_value(obs: Any, rnn_states: Any) -> dict[str, Any]:
    """Inputs for a forward() that computes nothing but the value."""
    return {"is_train": False, "value_only": True, "obs": obs, "rnn_states": rnn_states}


def ask_evaluation(obs: Any, stored: Tensor, fresh: int) -> dict[str, Any]:
    """Inputs for a forward() that evaluates stored actions and draws ``fresh`` new ones."""
    return {"is_train": True, "obs": obs, "prev_actions": stored, "fresh_samples": fresh}


def valued(value: Tensor, rnn_states: Any) -> dict[str, Any]:
    return {"values": value, "rnn_states": rnn_states}


def acted(sample: Acted, value: Tensor, rnn_states: Any) -> dict[str, Any]:
    return {
        "actions": sample.stored,
        "neglogpacs": sample.neglogp,
        "values": value,
        "rnn_states": rnn_states,
        **gaussian_of(sample.gaussian),
    }


def gaussian_of(gaussian: Gaussian | None) -> dict[str, Any]:
    """As rl_games' own Gaussian says it; nothing where the density is of another kind."""
    return {} if gaussian is None else {"mus": gaussian.mean, "sigmas": gaussian.sigma}


def played(action: Tensor, value: Tensor, rnn_states: Any) -> dict[str, Any]:
    # A player reads "mus" when deterministic and "actions" when not; the model knows which it is.
    return {"actions": action, "mus": action, "values": value, "rnn_states": rnn_states}


def evaluated(
    density: Evaluated, value: Tensor, rnn_states: Any, fresh: Tensor | None
) -> dict[str, Any]:
    return {
        "prev_neglogp": density.neglogp,
        "entropy": density.entropy,
        "values": value,
        "rnn_states": rnn_states,
        "fresh": fresh,
        **gaussian_of(density.gaussian),
    }


#: ours, in rl_games' dataset
ROLLOUT = ("rollout_mu", "rollout_sigma")


@dataclass(frozen=True)
class Minibatch:
    """A slice of the rollout, as rl_games' dataset hands it to the gradient step."""

    obs: Any  # (B, ...) or a dict of such
    stored: Tensor  # (B, A)
    old_neglogp: Tensor  # (B,)
    advantage: Tensor  # (B,)
    old_values: Tensor  # (B, V), normalised
    returns: Tensor  # (B, V), normalised
    mask: Tensor | None  # (B,), 1 on real rows; None when all are
    trunk: dict[str, Any]
    #: of a Gaussian density: at the rollout, and after the latest pass over these rows
    rollout: Gaussian | None
    latest: Gaussian | None

    @classmethod
    def from_dict(cls, batch: Mapping[str, Any]) -> "Minibatch":
        return cls(
            obs=batch["obs"],
            stored=batch["actions"],
            old_neglogp=batch["old_logp_actions"],
            advantage=batch["advantages"],
            old_values=batch["old_values"],
            returns=batch["returns"],
            mask=batch.get("rnn_masks"),
            trunk={key: batch[key] for key in ("rnn_states", "dones") if key in batch},
            rollout=_gaussian_at(batch, *ROLLOUT),
            latest=_gaussian_at(batch, "mu", "sigma"),
        )


def _gaussian_at(batch: Mapping[str, Any], mean: str, sigma: str) -> Gaussian | None:
    if mean not in batch or not batch[mean].shape[-1]:
        return None
    return Gaussian(batch[mean], batch[sigma])


def keep_rollout_gaussian(values: dict[str, Any]) -> None:
    """Keep the rollout's Gaussian in rl_games' dataset, which overwrites its ``mu`` and ``sigma``.

    They become the latest pass's, so that the KL of each is to the pass before.
    """
    for name, latest in zip(ROLLOUT, ("mu", "sigma"), strict=True):
        values[name] = values[latest].clone()


def blank_gaussian(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A rollout with ``mus`` and ``sigmas`` of no width, for a density of another kind."""
    blank = batch["actions"].new_empty(len(batch["actions"]), 0)
    return {**batch, "mus": blank, "sigmas": blank}


@dataclass(frozen=True)
class Evaluation:
    """What the model said of a minibatch."""

    neglogp: Tensor  # (B,), nats
    entropy: Tensor  # (B,), nats
    values: Tensor  # (B, V), normalised
    fresh: Any  # (count, A), differentiable; None where no fresh samples were asked for
    gaussian: Gaussian | None

    @classmethod
    def from_dict(cls, result: Mapping[str, Any]) -> "Evaluation":
        return cls(
            neglogp=result["prev_neglogp"],
            entropy=result["entropy"],
            values=result["values"],
            fresh=result["fresh"],
            gaussian=_gaussian_at(result, "mus", "sigmas"),
        )


def latest_gaussian(batch: Minibatch, result: Evaluation) -> tuple[Tensor, Tensor]:
    """What rl_games writes over its dataset's ``mu`` and ``sigma`` after a gradient step."""
    if result.gaussian is None:
        blank = batch.stored.new_empty(len(batch.stored), 0)
        return blank, blank
    return result.gaussian.mean.detach(), result.gaussian.sigma.detach()
