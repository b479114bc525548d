"""Stand-in for NVIDIA Warp, of which ``isaaclab.utils.array`` names the array type only."""


class array:  # noqa: N801 (Warp's own name)
    """Never made here."""
