"""What agent, player and model say to each other, and to rl_games.

rl_games speaks in dictionaries; they end in this file, the only one that spells their keys. Between
our own agent, player and model go frozen dataclasses.

B batch, A width of the stored action, D size of the environment's action, V value size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from rlg_genpo.common.policy import Acted, Evaluated, Gaussian

#: what rl_games keeps of a rollout's policy, and a policy of another kind may not have
POLICY_TENSORS = ("neglogpacs", "mus", "sigmas")


# -- to the model ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """Observations, and what a recurrent trunk needs beside them; the rest of it is None."""

    obs: Any  # (B, ...) or a dict of such
    rnn_states: Any = None
    dones: Tensor | None = None
    seq_length: int | None = None
    bptt_len: int | None = None

    def with_obs(self, obs: Any) -> "Seen":
        return Seen(obs, self.rnn_states, self.dones, self.seq_length, self.bptt_len)

    def for_trunk(self) -> dict[str, Any]:
        """As rl_games' trunks read it."""
        inputs = {"obs": self.obs}
        for key in ("rnn_states", "dones", "seq_length", "bptt_len"):
            value = getattr(self, key)
            if value is not None:
                inputs[key] = value
        return inputs


@dataclass(frozen=True)
class Request:
    """A question to the model about what is seen; observations are not yet normalised."""

    seen: Seen


@dataclass(frozen=True)
class Act(Request):
    """Sample an action for the rollout: answered by :class:`Step`."""


@dataclass(frozen=True)
class Play(Request):
    """Choose the environment's action: answered by :class:`Played`."""

    deterministic: bool
    deployment: str | None  # of the policy's deployments; None for its default
    noise: Tensor | None = None  # (B, its width) of a sample; None to draw it


@dataclass(frozen=True)
class Value(Request):
    """Nothing but the value, in the rewards' units: answered by :class:`Valued`."""


@dataclass(frozen=True)
class Criticise(Request):
    """Nothing but the normalised value, for the critic's loss: answered by :class:`Valued`."""


@dataclass(frozen=True)
class Evaluate(Request):
    """Evaluate stored actions, and draw ``fresh`` new ones: answered by :class:`Evaluation`."""

    stored: Tensor  # (B, A)
    fresh: int


def act_request(inputs: Mapping[str, Any]) -> Act:
    """rl_games' question during a rollout, which is left as it was."""
    keys = ("rnn_states", "dones", "seq_length", "bptt_len")
    return Act(Seen(inputs["obs"], **{key: inputs[key] for key in keys if key in inputs}))


# -- from the model -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Valued:
    """A value of each state."""

    values: Tensor  # (B, V)
    rnn_states: Any


@dataclass(frozen=True)
class Step(Valued):
    """An action for the rollout."""

    acted: Acted


@dataclass(frozen=True)
class Played(Valued):
    """An action for the environment."""

    action: Tensor  # (B, D)


@dataclass(frozen=True)
class Evaluation(Valued):
    """The policy's present density of a minibatch's actions."""

    density: Evaluated
    fresh: Any  # (count, A), differentiable; None where no fresh samples were asked for


def step_answer(step: Step) -> dict[str, Any]:
    """As rl_games' rollout reads it."""
    acted = step.acted
    answer = {"actions": acted.stored, "values": step.values, "rnn_states": step.rnn_states}
    if acted.neglogp is not None:
        answer["neglogpacs"] = acted.neglogp
    if acted.gaussian is not None:
        answer |= {"mus": acted.gaussian.mean, "sigmas": acted.gaussian.sigma}
    return answer


# -- the rollout ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Minibatch:
    """A slice of the rollout, as rl_games' dataset hands it to the gradient step."""

    seen: Seen
    stored: Tensor  # (B, A)
    advantage: Tensor  # (B,)
    old_values: Tensor  # (B, V), normalised
    returns: Tensor  # (B, V), normalised
    mask: Tensor | None  # (B,), 1 on real rows; None when all are
    old_neglogp: Tensor | None  # (B,); None where actions have no density
    latest_neglogp: Tensor | None  # (B,), after the latest pass over these rows
    #: of a Gaussian density: at the rollout, and after the latest pass over these rows
    rollout: Gaussian | None
    latest: Gaussian | None

    @property
    def rows(self) -> Any:
        """What picks the real rows of a tensor (B, ...)."""
        return slice(None) if self.mask is None else self.mask.bool()


#: ours, in rl_games' dataset
ROLLOUT = ("rollout_mu", "rollout_sigma")
LATEST = "latest_neglogp"


def minibatch(batch: Mapping[str, Any], seen: Seen) -> Minibatch:
    """From rl_games' dictionary; ``seen`` is what the model is to be shown of it."""
    old = batch["old_logp_actions"]
    return Minibatch(
        seen=seen,
        stored=batch["actions"],
        advantage=batch["advantages"],
        old_values=batch["old_values"],
        returns=batch["returns"],
        mask=batch.get("rnn_masks"),
        old_neglogp=old if old.dim() == 1 else None,
        latest_neglogp=batch.get(LATEST),
        rollout=_gaussian_at(batch, *ROLLOUT),
        latest=_gaussian_at(batch, "mu", "sigma"),
    )


def recurrent(batch: Mapping[str, Any], obs: Any, seq_length: int, with_dones: bool) -> Seen:
    """What a recurrent trunk is shown of rl_games' dictionary."""
    dones = batch["dones"] if with_dones else None
    return Seen(obs, batch["rnn_states"], dones, seq_length)


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


def keep_latest_density(dataset: Any, neglogp: Tensor | None = None) -> None:
    """Keep in rl_games' dataset the density (B,) of its latest minibatch; without one, all rows'.

    These are the rollout's until a pass has been over them, as rl_games keeps ``mu`` and ``sigma``.
    """
    values = dataset.values_dict
    if neglogp is None:
        values[LATEST] = values["old_logp_actions"].clone()
    else:
        values[LATEST][slice(*dataset.last_range)] = neglogp


def without_width(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A rollout for rl_games, which reads a Gaussian's tensors: absent ones get no width."""
    rows = len(batch["actions"])
    blank = {key: batch["actions"].new_empty(rows, 0) for key in POLICY_TENSORS}
    return {**blank, **batch}


def rows_of(obs: Any, rows: slice) -> Any:
    """Some rows of an observation tensor, or of each tensor of a dictionary."""
    if isinstance(obs, Mapping):
        return {key: value[rows] for key, value in obs.items()}
    return obs[rows]


@dataclass(frozen=True)
class GradientStep:
    """What one gradient step reports to rl_games; what a policy does not have is zero."""

    actor: Tensor  # 0-d, as the next three
    critic: Tensor
    entropy: Tensor
    kl: Tensor  # that the adaptive schedule reads
    bounds: Tensor
    gaussian: Gaussian | None  # that rl_games' dataset is to remember

    def as_tuple(self, batch: Minibatch, rate: float) -> tuple[Any, ...]:
        """In rl_games' order."""
        blank = batch.stored.new_empty(len(batch.stored), 0)
        mean, sigma = blank, blank
        if self.gaussian is not None:
            mean, sigma = self.gaussian.mean.detach(), self.gaussian.sigma.detach()
        losses = (self.actor, self.critic, self.entropy, self.kl)
        return *losses, rate, 1.0, mean, sigma, self.bounds
