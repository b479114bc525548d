"""The device, where a YAML leaves it open: rl_games assumes cuda:0."""

from typing import Any

from rlg_genpo.errors import ConfigError


def pick_device(config: dict[str, Any], cuda: bool) -> None:
    """Fill in ``device`` and ``device_name`` where they are missing.

    Raises:
        ConfigError: CUDA is asked for and not there.
    """
    for key in ("device", "device_name"):
        config.setdefault(key, "cuda:0" if cuda else "cpu")
        if str(config[key]).startswith("cuda") and not cuda:
            raise ConfigError(
                f"params.config.{key}: {config[key]}, but torch sees no CUDA device; use cpu for "
                "config.device and config.device_name."
            )
