"""rl_games' own trunks, without a head: mlp, d2rl, cnn, rnn, separate, as its users know them."""

from collections.abc import Mapping
from typing import Any

import torch
from rl_games.algos_torch.network_builder import A2CBuilder, NetworkBuilder
from rl_games.algos_torch.torch_ext import shape_whc_to_cwh
from torch import Tensor, nn

from rlg_genpo.errors import ConfigError
from rlg_genpo.host import compat


class Trunk(A2CBuilder.Network):
    """rl_games' trunk and value layer.

    Called like every rl_games network, returns (features (B, F), value (B, V), rnn states);
    ``feature_dim`` is F.
    """

    feature_dim: int

    def __init__(self, params: Mapping[str, Any], **kwargs: Any) -> None:
        # rl_games' discrete head is one linear layer on the actor's features, whatever the trunk:
        # taking that layer away leaves the features themselves in rl_games' own forward().
        kwargs["actions_num"] = 1
        refuse_shape(kwargs["input_shape"], "cnn" in params)
        super().__init__({**params, "space": {"discrete": None}}, **kwargs)
        head: Any = self.logits
        self.feature_dim = head.in_features
        self.logits = nn.Identity()

    def get_aux_loss(self) -> Any:
        return compat.aux_loss(super())


def refuse_shape(shape: tuple[int, ...], convolved: bool) -> None:
    """An image without a ``cnn`` block, or the block without an image.

    Raises:
        ConfigError: naming the observation's shape.
    """
    if len(shape) > 1 and not convolved:
        raise ConfigError(
            f"params.network.cnn: missing, and the observation is an image of shape {shape}; add a "
            "cnn block, or flatten the observation."
        )
    if len(shape) == 1 and convolved:
        raise ConfigError(
            f"params.network.cnn: the observation is a vector of shape {shape}, which cannot be "
            "convolved; remove the block."
        )


class DictTrunk(Trunk):
    """A trunk for dictionary observations, which rl_games' own builder does not take.

    Images (three dimensions) each pass through the ``cnn`` block, everything else is flattened, and
    their concatenation, in the space's order, is the trunk's observation. With ``separate`` the
    encoders are shared between actor and critic; what follows them is not.
    """

    def __init__(self, params: Mapping[str, Any], **kwargs: Any) -> None:
        shapes: Mapping[str, tuple[int, ...]] = kwargs["input_shape"]
        images = [key for key, shape in shapes.items() if len(shape) == 3]
        if images and "cnn" not in params:
            raise ConfigError(
                f"params.network.cnn: missing, and the observation {images[0]!r} is an image of "
                f"shape {shapes[images[0]]}; add a cnn block."
            )
        encoders = {key: self._image_encoder(params["cnn"], shapes[key], params) for key in images}
        with torch.no_grad():
            sample = {key: torch.zeros(1, *shape) for key, shape in shapes.items()}
            flat = _encode(sample, list(shapes), encoders)
        kwargs["input_shape"] = (flat.shape[1],)
        super().__init__({k: v for k, v in params.items() if k != "cnn"}, **kwargs)
        self.keys = list(shapes)
        self.encoders = nn.ModuleDict(encoders)

    def forward(self, inputs: Mapping[str, Any]) -> Any:
        flat = _encode(inputs["obs"], self.keys, self.encoders)
        return super().forward({**inputs, "obs": flat})

    @staticmethod
    def _image_encoder(
        cnn: Mapping[str, Any], shape: tuple[int, ...], params: Mapping[str, Any]
    ) -> nn.Module:
        layers: Any = NetworkBuilder.BaseNetwork()
        permute = cnn.get("permute_input", True)
        conv = layers._build_conv(
            ctype=cnn["type"],
            input_shape=shape_whc_to_cwh(shape) if permute else shape,
            convs=cnn["convs"],
            activation=cnn["activation"],
            norm_func_name=params.get("normalization"),
        )
        init = layers.init_factory.create(**cnn["initializer"])
        for module in conv.modules():
            if isinstance(module, nn.Conv2d | nn.Conv1d):
                init(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        return nn.Sequential(ChannelsFirst(), conv) if permute else conv


class ChannelsFirst(nn.Module):
    """(B, H, W, C) to (B, C, H, W), as rl_games' trunks permute it."""

    def forward(self, image: Tensor) -> Tensor:
        return image.permute(0, 3, 1, 2)


def _encode(obs: Mapping[str, Tensor], keys: list[str], encoders: Any) -> Tensor:
    parts = [encoders[key](obs[key]) if key in encoders else obs[key] for key in keys]
    return torch.cat([part.flatten(1) for part in parts], dim=-1)
