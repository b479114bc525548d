"""The one forward() of every generative policy: normalise, condition, then act | evaluate | value.

A subclass of rl_games' BaseModel, so that the normalisers, their checkpoint keys and the way they
are built are rl_games'. A new policy adds nothing here.
"""

from typing import Any, NamedTuple

import torch
from rl_games.algos_torch import models

from rlg_genpo.common import messages as io
from rlg_genpo.host import compat


class Playing(NamedTuple):
    """How a player wants its actions."""

    deterministic: bool
    deployment: str | None  # of the policy's deployments; None for its default


class GenerativeModel(models.BaseModel):
    """What rl_games registers under ``model.name``: builds :class:`Network` from a builder."""

    def __init__(self, network_builder: Any) -> None:
        super().__init__("a2c")
        self.network_builder = network_builder

    class Network(models.BaseModelNetwork):
        """Normalisers, trunk and policy head.

        ``playing`` is None in training; a player sets it and then receives environment actions
        (B, D) instead of stored ones (B, A).
        """

        a2c_network: Any

        def __init__(
            self, a2c_network: torch.nn.Module, obs_shape: Any, normalize_input: bool, **kwargs: Any
        ) -> None:
            by_key = normalize_input and isinstance(obs_shape, dict)
            super().__init__(
                obs_shape=obs_shape, normalize_input=normalize_input and not by_key, **kwargs
            )
            if by_key:
                self.normalize_input = True
                self.running_mean_std = compat.dict_normaliser(obs_shape)
            self.a2c_network = a2c_network
            self.playing: Playing | None = None
            compat.load_uncompiled(self)

        @property
        def policy(self) -> Any:
            return self.a2c_network.policy

        def is_rnn(self) -> bool:
            return self.a2c_network.is_rnn()

        def get_default_rnn_state(self) -> Any:
            return self.a2c_network.get_default_rnn_state()

        def get_value_layer(self) -> torch.nn.Module:
            return self.a2c_network.get_value_layer()

        def get_aux_loss(self) -> Any:
            return self.a2c_network.get_aux_loss()

        def forward(self, input_dict: dict[str, Any]) -> dict[str, Any]:
            request = io.read(input_dict)
            obs = self.norm_obs(request.obs)
            source, value, rnn_states = self.a2c_network({"obs": obs, **request.trunk})
            value = value.float()
            if request.value_only:
                return io.valued(self.denorm_value(value), rnn_states)
            # Densities stay float32 under mixed precision: 8 bits of mantissa hold no ratio. A
            # policy may lower what they do not suffer from, by allow_mixed_precision().
            with torch.autocast(value.device.type, enabled=False):
                condition = self.policy.condition(source.float())
                if request.train:
                    return self._evaluate(condition, request, value, rnn_states)
                value = self.denorm_value(value)
                if self.playing is not None:
                    action = self.policy.play(condition, *self.playing)
                    return io.played(action, value, rnn_states)
                return io.acted(self.policy.act(condition), value, rnn_states)

        def source(self, input_dict: dict[str, Any]) -> torch.Tensor:
            """What the policy is conditioned on, (B, C); no head, no gradients."""
            request = io.read(input_dict)
            with torch.no_grad():
                obs = self.norm_obs(request.obs)
                return self.a2c_network.source({"obs": obs, **request.trunk}).float()

        def _evaluate(
            self, condition: Any, request: io.Request, value: torch.Tensor, rnn_states: Any
        ) -> dict[str, Any]:
            evaluated = self.policy.evaluate(condition, request.stored)
            fresh = self.policy.resample(condition, request.fresh) if request.fresh else None
            return io.evaluated(evaluated, value, rnn_states, fresh)
