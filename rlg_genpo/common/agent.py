"""The PPO agent of every generative policy, on rl_games' own.

Rollout, advantages, value normalisation, optimiser, multi-GPU and the training loop are rl_games'.
What differs for a policy that is no diagonal Gaussian is here, once: a stored action wider than the
executed one, a KL from log-probabilities, auxiliary losses by name, a value without sampling, an
observation normaliser that holds still during the update, and checkpoints that know what they hold.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from rl_games.algos_torch.a2c_continuous import A2CAgent
from rl_games.common import common_losses
from torch import Tensor

from rlg_genpo.common import checkpoints
from rlg_genpo.common import machine as entry
from rlg_genpo.common import messages as io
from rlg_genpo.common.estimators import clipped_share, kl_nonnegative, kl_plain, masked_mean
from rlg_genpo.common.losses import clipped_surrogate
from rlg_genpo.errors import DivergedError
from rlg_genpo.host import compat

Losses = dict[str, tuple[float, Tensor]]


class GenerativeAgent(A2CAgent):
    """PPO on the density of a stored action. A method supplies its policy, losses and scalars."""

    #: prefix of the method's own scalars, and its name in checkpoints
    name_in_logs: str
    #: settings that change the policy but not the shapes of its tensors, by YAML key
    head: Mapping[str, Any]
    obs: Any
    writer: Any

    def __init__(self, base_name: str, params: dict[str, Any]) -> None:
        entry.admit(params)
        entry.warn_of_compiling(params)
        super().__init__(base_name, params)
        self.policy = self.model.policy
        if self.mixed_precision:
            self.policy.allow_mixed_precision()
        if self.has_central_value:
            compat.load_uncompiled(self.central_value_net.model)
        self.scalars: dict[str, list[Tensor]] = defaultdict(list)
        #: must stay finite through an epoch
        self.watched: list[Tensor] = []

    # -- what a method supplies -------------------------------------------------------------

    def fresh_samples(self, batch: io.Minibatch) -> int:
        """How many fresh differentiable samples the losses want for a minibatch."""
        return 0

    def policy_losses(self, batch: io.Minibatch, result: io.Evaluation) -> Losses:
        """Auxiliary losses by name: (coefficient, mean loss)."""
        return {}

    def schedule_kl(self, batch: io.Minibatch, result: io.Evaluation, log_ratio: Tensor) -> Tensor:
        """KL or its estimator, (B,), that the adaptive schedule reads."""
        return kl_nonnegative(log_ratio)

    def bounded_rate(self, rate: float) -> float:
        """The learning rate within the schedule's bounds."""
        return rate

    def actor_loss(self, batch: io.Minibatch, log_ratio: Tensor) -> Tensor:
        """Loss of the policy's density on the rollout's actions, (B,); none without a density."""
        if not self.policy.has_likelihood:
            return torch.zeros_like(batch.advantage)
        return self._surrogate(log_ratio, batch.advantage)

    def minibatch_scalars(self, batch: io.Minibatch, result: io.Evaluation) -> dict[str, Tensor]:
        """Scalars measured at every gradient step, before it."""
        return {}

    def after_update(self) -> None:
        """What a method trains beside PPO, once an epoch and after PPO's gradient steps."""

    def epoch_scalars(self, batch: Mapping[str, Any]) -> dict[str, Tensor | float]:
        """Scalars measured once an epoch on the rollout, after the update."""
        return {}

    def share(self, tensors: Iterable[Tensor]) -> None:
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
        if self.policy.is_gaussian:
            return
        for gaussian in ("mus", "sigmas"):
            del tensors[gaussian]
            self.update_list.remove(gaussian)
            self.tensor_list.remove(gaussian)

    def preprocess_actions(self, actions: Tensor) -> Any:
        return super().preprocess_actions(self.policy.to_env(actions))

    def autocast(self) -> torch.autocast:
        """bfloat16 for trunk and critic under ``mixed_precision``; the densities stay float32.

        Of a policy, only what it allows: GenPO's velocity.
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
            inputs = io.ask_value(self._preproc_obs(obs["obs"]), self.rnn_states)
            return self.model(inputs)["values"]

    def current_source(self) -> Tensor:
        """What the policy is conditioned on at the environments' present states, (B, C)."""
        self.model.eval()
        obs = self._preproc_obs(self.obs["obs"])
        with self.autocast():
            return self.model.source({"obs": obs, "rnn_states": self.rnn_states})

    # -- update -----------------------------------------------------------------------------

    def prepare_dataset(self, batch_dict: dict[str, Any]) -> None:
        if self.policy.is_gaussian:
            super().prepare_dataset(batch_dict)
            io.keep_rollout_gaussian(self.dataset.values_dict)
        else:
            super().prepare_dataset(io.blank_gaussian(batch_dict))
        self.rollout = batch_dict

    def set_train(self) -> None:
        super().set_train()
        # A normaliser that moves during the update would change every ratio by itself. It holds
        # still here and takes in the rollout once, after the update.
        if self.normalize_input:
            self.model.running_mean_std.eval()

    def calc_gradients(self, input_dict: dict[str, Any]) -> None:
        """One gradient step; the same for every policy."""
        batch = io.Minibatch.from_dict(input_dict)
        with self.autocast():
            result = io.Evaluation.from_dict(self.model(self._inputs(batch)))
            log_ratio = batch.old_neglogp - result.neglogp
            actor = masked_mean(self.actor_loss(batch, log_ratio), batch.mask)
            critic = masked_mean(self._value_loss(batch, result.values), batch.mask)
            losses = self.policy_losses(batch, result) | self._trunk_losses()
            loss = actor + 0.5 * self.critic_coef * critic
            for coefficient, value in losses.values():
                loss = loss + coefficient * value
        self.optimizer.zero_grad(set_to_none=True)
        compat.backward(self, loss)
        self.trancate_gradients_and_step()
        kl = self._record(batch, result, loss, log_ratio.detach(), losses)
        self._report(batch, result)
        self.train_result = (
            actor.detach(),
            critic.detach(),
            masked_mean(result.entropy, batch.mask),
            kl,
            self.last_lr,
            1.0,
            *io.latest_gaussian(batch, result),
            losses["bounds"][1].detach() if "bounds" in losses else torch.zeros_like(kl),
        )

    def _inputs(self, batch: io.Minibatch) -> dict[str, Any]:
        inputs = io.ask_evaluation(
            self._preproc_obs(batch.obs), batch.stored, self.fresh_samples(batch)
        )
        if self.is_rnn:
            inputs["rnn_states"] = batch.trunk["rnn_states"]
            inputs["seq_length"] = self.seq_length
            if self.zero_rnn_on_done:
                inputs["dones"] = batch.trunk["dones"]
        return inputs

    def _surrogate(self, log_ratio: Tensor, advantage: Tensor) -> Tensor:
        if self.use_smooth_clamp:
            zeros = torch.zeros_like(log_ratio)
            return common_losses.smoothed_actor_loss(log_ratio, zeros, advantage, True, self.e_clip)
        return clipped_surrogate(log_ratio, advantage, self.e_clip)

    def _value_loss(self, batch: io.Minibatch, values: Tensor) -> Tensor:
        if not self.has_value_loss:
            return torch.zeros_like(batch.advantage)
        loss = common_losses.critic_loss(
            self.model, batch.old_values, values, self.e_clip, batch.returns, self.clip_value
        )
        return loss.mean(dim=-1)

    def _trunk_losses(self) -> Losses:
        auxiliary = self.model.get_aux_loss() or {}
        return {name: (1.0, value) for name, value in auxiliary.items()}

    def _record(
        self,
        batch: io.Minibatch,
        result: io.Evaluation,
        loss: Tensor,
        log_ratio: Tensor,
        losses: Losses,
    ) -> Tensor:
        """Keep the minibatch's scalars; returns the KL of the adaptive schedule."""
        if self.policy.has_likelihood:
            self._record_ratio(batch, log_ratio)
        self.watched.append(loss.detach())
        for name, (_, value) in losses.items():
            self.scalars[f"loss_{name}"].append(value.detach())
        with torch.no_grad():
            for name, value in self.minibatch_scalars(batch, result).items():
                self.scalars[name].append(value)
            return masked_mean(self.schedule_kl(batch, result, log_ratio), batch.mask)

    def _record_ratio(self, batch: io.Minibatch, log_ratio: Tensor) -> None:
        self.scalars["kl_plain"].append(masked_mean(kl_plain(log_ratio), batch.mask))
        kl = masked_mean(kl_nonnegative(log_ratio), batch.mask)
        self.scalars["kl_nonnegative"].append(kl)
        self.watched.append(kl)
        share = masked_mean(clipped_share(log_ratio, self.e_clip), batch.mask)
        self.scalars["clipped_share"].append(share)

    def _report(self, batch: io.Minibatch, result: io.Evaluation) -> None:
        self.diagnostics.mini_batch(
            self,
            {
                "values": batch.old_values,
                "returns": batch.returns,
                "new_neglogp": result.neglogp,
                "old_neglogp": batch.old_neglogp,
                "masks": batch.mask,
            },
            self.e_clip,
            0,
        )

    def update_lr(self, lr: float) -> None:
        super().update_lr(lr)
        compat.adopt_rate(self)

    def train_epoch(self) -> Any:
        self.scalars.clear()
        self.watched.clear()
        result = super().train_epoch()
        self._stop_if_diverged()
        self.after_update()
        self._absorb_observations(self.rollout["obses"])
        with torch.no_grad():
            measured = self.epoch_scalars(self.rollout)
        for name, value in measured.items():
            self.scalars[name].append(torch.as_tensor(value))
        self.rollout = {}
        return result

    def _stop_if_diverged(self) -> None:
        # One look an epoch: a look per minibatch would make a GPU wait.
        if not torch.stack(self.watched).isfinite().all():
            what = "its ratio or its loss" if self.policy.has_likelihood else "its critic's loss"
            other = ", or use lr_schedule: adaptive" if self.policy.has_likelihood else ""
            raise DivergedError(
                f"The policy diverged in epoch {self.epoch_num}: {what} is no longer finite. "
                f"params.config.learning_rate is {self.config['learning_rate']}, now "
                f"{self.last_lr:g}; lower it{other}. The last checkpoint is of before."
            )

    def _absorb_observations(self, obses: Any) -> None:
        if not self.normalize_input:
            return
        normaliser = self.model.running_mean_std
        normaliser.train()
        with torch.no_grad():
            # Slice by slice, which merges to the same moments: a rollout of images as float32
            # would be four times the rollout itself.
            for rows in compat.slices(self):
                normaliser(self._preproc_obs(io.rows_of(obses, rows)))
        normaliser.eval()
        compat.share_statistics(self)

    # -- scalars and checkpoints ------------------------------------------------------------

    def write_stats(self, *args: Any, **kwargs: Any) -> None:
        super().write_stats(*args, **kwargs)
        frame = compat.frame_of_stats(self, args, kwargs)
        for name, values in self.scalars.items():
            mean = torch.stack(values).float().mean().item()
            self.writer.add_scalar(f"{self.name_in_logs}/{name}", mean, frame)

    def get_full_state_weights(self) -> dict[str, Any]:
        state = super().get_full_state_weights()
        compat.keep_central_optimizer(self, state)
        state[checkpoints.KEY] = checkpoints.describe(self)
        return state

    def extra_state(self) -> dict[str, Any]:
        """What a method must keep in checkpoints beside the model and rl_games' own."""
        return {}

    def load_extra_state(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`extra_state`."""

    def set_full_state_weights(self, weights: dict[str, Any], set_epoch: bool = True) -> None:
        extras = checkpoints.check(weights, self.name_in_logs, self.head, self.model)
        super().set_full_state_weights(weights, set_epoch)
        compat.resume_central_optimizer(self, weights)
        checkpoints.resume(self, extras)
