"""The one forward() of every generative policy: normalise, run the trunk, then ask the policy.

A subclass of rl_games' BaseModel, so that the normalisers, their checkpoint keys and the way they
are built are rl_games'. A new policy adds nothing here.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from rl_games.algos_torch import models
from rl_games.algos_torch.model_builder import ModelBuilder

from rlg_genpo.common import messages
from rlg_genpo.common.config import PolicyConfig
from rlg_genpo.common.network import PolicyBuilder
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat

#: what a block of another shape than rl_games expects makes it raise
UNBUILT = (
    TypeError, ValueError, LookupError, AttributeError, AssertionError, RuntimeError,
    ArithmeticError,
)  # fmt: skip


class GenerativeModel(models.BaseModel):
    """What rl_games registers under ``model.name``: builds :class:`Network` from a builder."""

    def __init__(self, network_builder: Any) -> None:
        super().__init__("a2c")
        self.network_builder = network_builder

    def receive(self, settings: PolicyConfig) -> None:
        """Hand the policy's parsed settings to the builder of its network.

        Raises:
            ConfigError: the network of ``params.network.name`` is not built by us.
        """
        if not isinstance(self.network_builder, PolicyBuilder):
            raise ConfigError(
                f"params.network.name: {type(self.network_builder).__name__} builds no policy for "
                "this algorithm; subclass the builder of its own network."
            )
        self.network_builder.receive(settings)

    def build(self, config: Any) -> Any:
        with named_in_words():
            return super().build(config)

    class Network(models.BaseModelNetwork):
        """Normalisers, trunk and policy."""

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

        def forward(self, request: messages.Request | Mapping[str, Any]) -> Any:
            """Answer a request; a dictionary is rl_games' request for a rollout's action."""
            if isinstance(request, Mapping):
                return messages.step_answer(self._answer(messages.act_request(request)))
            return self._answer(request)

        def _answer(self, request: messages.Request) -> Any:
            seen = request.seen
            seen = seen.with_obs(self.norm_obs(seen.obs))
            source, value, rnn_states = self.a2c_network(seen)
            value = value.float()
            if isinstance(request, messages.Criticise):
                return messages.Valued(value, rnn_states)
            if isinstance(request, messages.Value):
                return messages.Valued(self.denorm_value(value), rnn_states)
            if isinstance(request, messages.Play):  # players know no mixed precision
                condition = self.policy.condition(source)
                action = self._played(condition, request)
                return messages.Played(self.denorm_value(value), rnn_states, action)
            # Densities stay float32 under mixed precision: 8 bits of mantissa hold no ratio.
            with torch.autocast(value.device.type, enabled=False):
                condition = self.policy.condition(source.float())
                if isinstance(request, messages.Evaluate):
                    density = self.policy.evaluate(condition, request.stored)
                    fresh = None
                    if request.fresh:
                        fresh = self.policy.resample(condition, request.fresh)
                    return messages.Evaluation(value, rnn_states, density, fresh)
                return messages.Step(
                    self.denorm_value(value), rnn_states, self.policy.act(condition)
                )

        def _played(self, condition: Any, request: messages.Play) -> torch.Tensor:
            if request.noise is None:
                return self.policy.play(condition, request.deterministic, request.deployment)
            return self.policy.play_from(condition, request.noise, request.deployment)

        def source(self, seen: messages.Seen) -> torch.Tensor:
            """What the policy is conditioned on, (B, C); no policy, no gradients."""
            with torch.no_grad():
                return self.a2c_network.source(seen.with_obs(self.norm_obs(seen.obs))).float()


def build_model(
    params: Mapping[str, Any],
    settings: PolicyConfig | None,
    input_shape: Any,
    actions: int,
    values: int = 1,
) -> Any:
    """The model as an agent builds it from ``params``; rl_games' own where there are no settings.

    Args:
        input_shape: of an observation, or of each part of it by name.
        actions: D.
        values: V.
    """
    config = params["config"]
    model = ModelBuilder().load(params)
    if settings is not None:
        model.receive(settings)
    with named_in_words():
        return model.build(
            {
                "actions_num": actions,
                "input_shape": input_shape,
                "num_seqs": config["num_actors"],
                "value_size": values,
                "normalize_value": config.get("normalize_value", False),
                "normalize_input": config["normalize_input"],
            }
        )


@contextlib.contextmanager
def named_in_words() -> Iterator[None]:
    """What rl_games or torch raise of a network that they cannot build, as a ConfigError."""
    try:
        yield
    except ConfigError:
        raise
    except UNBUILT as error:
        raise ConfigError(
            f"params.network: rl_games cannot build this network ({type(error).__name__}: {error})."
            " Compare the block with a shipped one."
        ) from error
