"""Denoisers from a ``diffusion:`` block; without rl_games, which a robot need not have."""

from rlg_genpo.ddpl import diffusion
from rlg_genpo.ddpl.config import DiffusionConfig
from rlg_genpo.ddpl.denoisers import Denoisers


def make_denoisers(
    observations: list[int], actions: list[int], block: DiffusionConfig, shared: bool
) -> Denoisers:
    """The denoisers of a ``diffusion:`` block."""
    return Denoisers(
        observations,
        actions,
        diffusion.cosine(block.steps).alpha_bar,
        block.units,
        block.activation,
        block.time_embedding,
        block.time_units,
        block.output_scale,
        block.spread,
        shared,
    )
