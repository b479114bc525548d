"""A trunk and a velocity network of your own, under GenPO.

    python examples/own_network.py [epochs]

A builder makes the network from the YAML's ``network:`` block. Subclass ours, replace a part, and
register it with rl_games under a name of yours; the YAML then says
``network.name: my_actor_critic``.
"""

import sys

import torch
from rl_games.algos_torch.model_builder import register_network
from rl_games.torch_runner import Runner
from torch import nn

from rlg_genpo.cli import configs, machine
from rlg_genpo.common.flow_config import FlowConfig
from rlg_genpo.common.velocity import Condition, Velocity
from rlg_genpo.genpo.network import GenPOBuilder


class ResidualTrunk(nn.Module):
    """Features, value and recurrent states from an observation, with a skip connection."""

    def __init__(self, obs_dim: int, width: int, value_size: int) -> None:
        super().__init__()
        self.feature_dim = width
        self.into = nn.Linear(obs_dim, width)
        self.block = nn.Sequential(nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.value = nn.Linear(width, value_size)

    def forward(self, inputs):
        features = self.into(inputs["obs"])
        features = features + self.block(features)
        return features, self.value(features), None

    def is_rnn(self):
        return False

    def is_separate_critic(self):
        return False

    def get_default_rnn_state(self):
        return None

    def get_value_layer(self):
        return self.value

    def get_aux_loss(self):
        return None


class GatedVelocity(Velocity):
    """The velocity times a learned gate of the state: flows stay short where little is needed."""

    def __init__(self, condition_dim: int, action_dim: int, flow: FlowConfig) -> None:
        super().__init__(condition_dim, action_dim, flow)
        self.gate = nn.Linear(flow.units[0], action_dim)

    def forward(self, condition: Condition, half: torch.Tensor, k: int) -> torch.Tensor:
        gate = 2 * torch.sigmoid(self.gate(condition.state))
        return gate * super().forward(condition, half, k)


class MyBuilder(GenPOBuilder):
    """``network.name: my_actor_critic``."""

    def make_trunk(self, own_critic: bool, **kwargs) -> nn.Module:
        width = self.params["mlp"]["units"][0]
        return ResidualTrunk(kwargs["input_shape"][0], width, kwargs.get("value_size", 1))

    def make_velocity(self, condition_dim: int, action_dim: int) -> Velocity:
        return GatedVelocity(condition_dim, action_dim, self.settings.flow)


register_network("my_actor_critic", MyBuilder)


def main(epochs: str = "60") -> None:
    params = configs.load(configs.find("pendulum_genpo"))
    params["network"]["name"] = "my_actor_critic"
    params["config"].update(max_epochs=int(epochs), name="own_network")
    machine.set_device(params["config"], "auto")
    machine.set_threads(params)
    runner = Runner()
    runner.load({"params": params})
    runner.run({"train": True})


if __name__ == "__main__":
    main(*sys.argv[1:])
