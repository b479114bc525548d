"""The agent of every generative policy, on rl_games' PPO.

Rollout, advantages, value normalisation, optimiser, multi-GPU and the training loop are rl_games'.
What every policy here does otherwise is in this file, once: a stored action wider than the executed
one, auxiliary losses by name, a value without sampling, an observation normaliser that holds still
during the update, and checkpoints that know what they hold. The critic's loss is all that the
gradient step of :class:`Agent` has; :class:`rlg_genpo.common.ppo.PPOAgent` adds PPO's ratio.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rl_games.algos_torch.a2c_continuous import A2CAgent
from rl_games.common import common_losses
from torch import Tensor

from rlg_genpo.common import checkpoints, finite, machine, messages
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.estimators import masked_mean
from rlg_genpo.errors import DivergedError
from rlg_genpo.host import compat, disk
from rlg_genpo.host.disk import Ending
from rlg_genpo.host.files import Restoring

Losses = dict[str, tuple[float, Tensor]]

#: states, and samples per state, on which an epoch's distances and spreads are measured
PROBE_STATES, PROBE_SAMPLES = 64, 16


class Pass(NamedTuple):
    """One forward pass over a minibatch: the model's answer, and the losses by name."""

    answer: Any
    critic: Tensor  # 0-d
    actor: Tensor | None  # 0-d; None where the policy is not trained by the gradient step
    auxiliary: Losses  # (coefficient, mean loss) by name

    def loss(self, critic_coef: float) -> Tensor:
        """What is minimised, 0-d."""
        loss = 0.5 * critic_coef * self.critic
        if self.actor is not None:
            loss = self.actor + loss
        for coefficient, value in self.auxiliary.values():
            loss = loss + coefficient * value
        return loss

    def named(self, name: str) -> Tensor:
        """An auxiliary loss, or zero where there is none of that name."""
        if name in self.auxiliary:
            return self.auxiliary[name][1].detach()
        return torch.zeros_like(self.critic.detach())


class Agent(Ending, Restoring, A2CAgent):
    """Trains the critic by gradient steps on the rollout, and what a method adds to that.

    Args:
        base_name: rl_games' name of the run.
        params: ``params`` of the YAML.
        settings: the policy's part of it, parsed.
    """

    settings: Any
    obs: Any
    writer: Any
    scheduler: Any
    #: which of rl_games' tensors of a policy the rollout keeps
    kept: tuple[str, ...] = ()
    #: what a diverged run's user is told
    suspect, remedy = "its critic's loss", ""

    def __init__(self, base_name: str, params: dict[str, Any], settings: PolicyConfig) -> None:
        self.settings = settings
        #: in checkpoints, and before the names of scalars
        self.algorithm_name: str = params["algo"]["name"]
        self.saver = disk.Saver()
        machine.warn_of_compiling(params)
        super().__init__(base_name, params)
        disk.outlive(self.writer)
        if self.is_adaptive_lr:
            # YAML 1.1 leaves 1e-2 as text, which rl_games multiplies as it is.
            self.scheduler.kl_threshold = float(self.scheduler.kl_threshold)
        if self.clip_actions:
            finite.refuse_bounds(self.actions_low, self.actions_high)
        self.policy = self.model.policy
        if self.mixed_precision:
            self.policy.allow_mixed_precision()
        if self.has_central_value:
            compat.load_uncompiled(self.central_value_net.model)
        self.scalars: dict[str, list[Tensor]] = defaultdict(list)
        #: must stay finite through an epoch
        self.watched: list[Tensor] = []

    def load_networks(self, params: dict[str, Any]) -> None:
        super().load_networks(params)
        self.config["network"].receive(self.settings)

    # -- what a method supplies -------------------------------------------------------------

    def bounded_rate(self, rate: float) -> float:
        """The learning rate within the schedule's bounds."""
        return rate

    def after_update(self) -> None:
        """What a method trains beside the gradient steps, once an epoch and after them."""

    def epoch_scalars(self, stored: Tensor) -> dict[str, Tensor | float]:
        """Scalars measured once an epoch, after the update, on the rollout's actions (R, A)."""
        return {}

    def all_reduce_mean(self, tensors: Iterable[Tensor]) -> None:
        """Average tensors over the ranks of a multi-GPU run, in place."""
        if not self.multi_gpu:
            return
        for tensor in tensors:
            torch.distributed.all_reduce(tensor)
            tensor /= self.world_size

    # -- rollout ----------------------------------------------------------------------------

    def init_tensors(self) -> None:
        super().init_tensors()
        tensors = self.experience_buffer.tensor_dict
        if "actions" not in tensors:
            compat.refuse_space("action")
        shape = (*tensors["actions"].shape[:2], self.policy.stored_dim)
        tensors["actions"] = torch.zeros(shape, device=self.ppo_device)
        for name in set(messages.POLICY_TENSORS) - set(self.kept):
            del tensors[name]
            self.update_list.remove(name)
            self.tensor_list.remove(name)

    def preprocess_actions(self, actions: Tensor) -> Any:
        # What a bad observation leads to, or a bad policy: zero until the rollout is refused.
        return super().preprocess_actions(self.policy.to_env(actions).nan_to_num(0.0, 0.0, 0.0))

    def play_steps(self) -> dict[str, Any]:
        rollout = super().play_steps()
        finite.refuse_rollout(self)
        return rollout

    def play_steps_rnn(self) -> dict[str, Any]:
        rollout = super().play_steps_rnn()
        finite.refuse_rollout(self)
        return rollout

    def autocast(self) -> torch.autocast:
        """bfloat16 for trunk and critic under ``mixed_precision``; the densities stay float32.

        Policies opt in through ``allow_mixed_precision``; only GenPO's velocity network does.
        """
        kind = torch.device(self.ppo_device).type
        # Most CPUs have no bfloat16 LSTM or GRU: torch fails there instead of falling back.
        enabled = self.mixed_precision and not (kind == "cpu" and self.is_rnn)
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled)

    def get_action_values(self, obs: dict[str, Any]) -> dict[str, Any]:
        # The rollout's features must carry the rounding of the update's, or the ratio is not 1.
        with self.autocast():
            return super().get_action_values(obs)

    def get_values(self, obs: dict[str, Any]) -> Tensor:
        if self.has_central_value:
            return super().get_values(obs)
        self.model.eval()
        with torch.no_grad(), self.autocast():
            seen = messages.Seen(self._preproc_obs(obs["obs"]), self.rnn_states)
            return self.model(messages.Value(seen)).values

    def probe_source(self) -> Tensor:
        """What the policy is conditioned on at a few of the present states, (S, C).

        They are evenly spread over the environments, which may differ in terrain or task.
        """
        self.model.eval()
        seen = messages.Seen(self._preproc_obs(self.obs["obs"]), self.rnn_states)
        with self.autocast():
            source = self.model.source(seen)
        return source[:: max(1, len(source) // PROBE_STATES)][:PROBE_STATES]

    def rollout_batches(self) -> Iterable[tuple[Tensor, messages.Minibatch]]:
        """What the policy is conditioned on, (B, C), beside each minibatch of the rollout."""
        self.model.eval()
        for index in range(len(self.dataset)):
            batch = self.minibatch(self.dataset[index])
            with self.autocast():
                source = self.model.source(batch.seen)
            yield source, batch

    # -- update -----------------------------------------------------------------------------

    def prepare_dataset(self, batch_dict: dict[str, Any]) -> None:
        super().prepare_dataset(messages.without_width(batch_dict))
        self.rollout = batch_dict

    def set_train(self) -> None:
        super().set_train()
        # A normaliser that moves during the update would change every ratio by itself. It holds
        # still here and takes in the rollout once, after the update.
        if self.normalize_input:
            self.model.running_mean_std.eval()

    def minibatch(self, batch: dict[str, Any]) -> messages.Minibatch:
        obs = self._preproc_obs(batch["obs"])
        if not self.is_rnn:
            return messages.minibatch(batch, messages.Seen(obs))
        seen = messages.recurrent(batch, obs, self.seq_length, self.zero_rnn_on_done)
        return messages.minibatch(batch, seen)

    def calc_gradients(self, input_dict: dict[str, Any]) -> None:
        """One gradient step; the same for every policy."""
        batch = self.minibatch(input_dict)
        with self.autocast():
            done = self.forward_pass(batch)
            loss = done.loss(self.critic_coef)
        self.optimizer.zero_grad(set_to_none=True)
        compat.backward(self, loss)
        self.trancate_gradients_and_step()
        self.watched.append(loss.detach())
        for name, (_, value) in done.auxiliary.items():
            self.scalars[f"loss_{name}"].append(value.detach())
        with torch.no_grad():
            report = self.report(batch, done)
        self.train_result = report.as_tuple(batch, self.last_lr)

    def forward_pass(self, batch: messages.Minibatch) -> Pass:
        """The model's answer on a minibatch, and the losses."""
        answer = self.model(messages.Criticise(batch.seen))
        return Pass(answer, self.critic_loss(batch, answer), None, self.trunk_losses())

    def critic_loss(self, batch: messages.Minibatch, answer: messages.Valued) -> Tensor:
        """rl_games' own, 0-d."""
        if not self.has_value_loss:
            return torch.zeros_like(batch.advantage).mean()
        loss = common_losses.critic_loss(
            self.model, batch.old_values, answer.values, self.e_clip, batch.returns, self.clip_value
        )
        return masked_mean(loss.mean(dim=-1), batch.mask)

    def trunk_losses(self) -> Losses:
        """Auxiliary losses of rl_games' own network."""
        auxiliary = self.model.get_aux_loss() or {}
        return {name: (1.0, value) for name, value in auxiliary.items()}

    def report(self, batch: messages.Minibatch, done: Pass) -> messages.GradientStep:
        """Record a gradient step's scalars, and say what rl_games is told of it."""
        # rl_games' diagnostics compare densities; without one, nothing is ever clipped.
        nothing = torch.zeros_like(batch.advantage)
        self.tell_diagnostics(batch, nothing, nothing)
        critic = done.critic.detach()
        zero = torch.zeros_like(critic)
        return messages.GradientStep(zero, critic, zero, zero, done.named("bounds"), None)

    def tell_diagnostics(self, batch: messages.Minibatch, old: Tensor, new: Tensor) -> None:
        """Show rl_games' diagnostics a minibatch, with -log density (B,) before and now."""
        shown = {"values": batch.old_values, "returns": batch.returns, "masks": batch.mask}
        shown |= {"old_neglogp": old, "new_neglogp": new}
        self.diagnostics.mini_batch(self, shown, self.e_clip, 0)

    def update_lr(self, lr: float) -> None:
        super().update_lr(lr)
        compat.adopt_rate(self)

    def train_epoch(self) -> Any:
        self.scalars.clear()
        self.watched.clear()
        result = super().train_epoch()
        started = time.perf_counter()
        # One look an epoch: a look per minibatch would make a GPU wait.
        self.stop_if_diverged(
            self.watched,
            f"The policy diverged in epoch {self.epoch_num}: {self.suspect} is",
            f"params.config.learning_rate is {self.config['learning_rate']}, now {self.last_lr:g}; "
            f"lower it{self.remedy}",
        )
        self.after_update()
        self._absorb_observations(self.rollout["obses"])
        with torch.no_grad():
            measured = self.epoch_scalars(self.rollout["actions"])
        for name, value in measured.items():
            self.scalars[name].append(torch.as_tensor(value))
        self.rollout = {}
        finite.refuse_state(self, self.trained(), together=True)
        return compat.add_update_time(result, time.perf_counter() - started)

    def stop_if_diverged(self, measured: Iterable[Tensor], what: str, way_out: str) -> None:
        """Raise a DivergedError where something measured, 0-d or (n,), is not finite."""
        if not finite.agreed(self, torch.hstack(list(measured)).isfinite().all()):
            raise DivergedError(f"{what} no longer finite. {way_out}. {finite.whole(self)}")

    def _absorb_observations(self, obses: Any) -> None:
        if not self.normalize_input:
            return
        normaliser = self.model.running_mean_std
        normaliser.train()
        with torch.no_grad():
            # Slice by slice, which merges to the same moments: a rollout of images as float32
            # would be four times the rollout itself.
            for rows in compat.slices(self):
                normaliser(self._preproc_obs(messages.rows_of(obses, rows)))
        normaliser.eval()
        compat.share_statistics(self)

    # -- scalars and checkpoints ------------------------------------------------------------

    def write_stats(self, *args: Any, **kwargs: Any) -> None:
        super().write_stats(*args, **kwargs)
        frame = compat.frame_of_stats(self, args, kwargs)
        for name, values in self.scalars.items():
            mean = torch.stack(values).float().mean().item()
            self.writer.add_scalar(f"{self.algorithm_name}/{name}", mean, frame)

    def get_full_state_weights(self) -> dict[str, Any]:
        state = super().get_full_state_weights()
        compat.keep_central_optimizer(self, state)
        state[checkpoints.KEY] = checkpoints.describe(self)
        kept = self.trained() | {key: state[key] for key in ("optimizer", checkpoints.KEY)}
        finite.refuse_state(self, kept, together=False)  # rank 0 alone saves
        return state

    def save(self, fn: str) -> None:
        self.saver.save(self.get_full_state_weights(), Path(f"{fn}.pth"))

    def trained(self) -> dict[str, Any]:
        """The networks, and the statistics that they normalise with."""
        central = finite.changing(self.central_value_net) if self.has_central_value else {}
        return {"model": finite.changing(self.model), "central_value": central}

    def extra_state(self) -> dict[str, Any]:
        """What a method must keep in checkpoints beside the model and rl_games' own."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`extra_state`."""

    def set_full_state_weights(self, weights: dict[str, Any], set_epoch: bool = True) -> None:
        extras = checkpoints.check(weights, self.algorithm_name, self.settings, self.model)
        super().set_full_state_weights(weights, set_epoch)
        compat.resume_central_optimizer(self, weights)
        checkpoints.resume(self, extras)
