"""The device, the threads and the versions that a run uses."""

import os
import platform
import re
import resource
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from rlg_genpo.common.machine import FEW_CORES
from rlg_genpo.envs import simulator_of
from rlg_genpo.errors import ConfigError
from rlg_genpo.version import __version__

PACKAGES = (
    "torch",
    "rl-games",
    "gymnasium",
    "envpool",
    "mjlab",
    "mujoco-warp",
    "vmas",
    "gymnasium-robotics",
    "numpy",
)


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_device(config: dict[str, Any], wish: str) -> str:
    """Set ``device`` and ``device_name``, which rl_games reads apart; returns the device.

    Args:
        config: ``params.config``, changed in place.
        wish: cpu, cuda, or auto: what the configuration says if that is there, else CUDA, else
            the CPU.

    Raises:
        ConfigError: CUDA is wished for and torch sees none.
    """
    cuda = torch.cuda.is_available()
    if wish == "cuda" and not cuda:
        raise ConfigError("--device cuda: torch sees no CUDA device; use --device cpu.")
    given = str(config.get("device", config.get("device_name", "cuda:0")))
    if wish == "cpu" or not cuda:
        device = "cpu"
    elif wish == "cuda" and not given.startswith("cuda"):
        device = "cuda:0"
    else:
        device = given
    config["device"] = config["device_name"] = device
    if device == "cpu":
        # Compiling costs 20 to 60 seconds, more than it saves in most runs on a CPU.
        config.setdefault("torch_compile", False)
    return device


def set_threads(params: dict[str, Any]) -> str:
    """Choose the threads that the configuration leaves open; returns a line that says so.

    rl_games would take ``min(4, cores)`` for torch, and envpool one per core: on a small machine
    they wait for each other, and training is several times slower.
    """
    available = cores()
    chosen = []
    if "torch_threads" not in params:
        params["torch_threads"] = 1 if available <= FEW_CORES else min(4, available // 4)
        chosen.append("params.torch_threads")
    line = f"threads: torch {params['torch_threads']}"
    config = params["config"]
    option = simulator_of(config).thread_option
    if option is not None:
        options = config.setdefault("env_config", {})
        if option not in options:
            options[option] = max(1, min(available // 2, config["num_actors"]))
            chosen.append(f"params.config.env_config.{option}")
        line += f", {config['env_name']} {options[option]}"
    line += f" ({available} cores)"
    return line + (f"; to change: {', '.join(chosen)}" if chosen else "")


def threads(params: Mapping[str, Any]) -> dict[str, Any]:
    """The threads of a prepared configuration, and what the environment says to OpenMP."""
    option = simulator_of(params["config"]).thread_option
    options = params["config"].get("env_config") or {}
    return {
        "torch": params["torch_threads"],
        "simulator": options.get(option) if option else None,
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def device_name(device: str) -> str:
    """The device with its model, as in ``cuda:0 (NVIDIA H200)``."""
    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return device


def versions() -> dict[str, str]:
    """Versions of what decides a run's result; absent packages are left out."""
    found = {"python": platform.python_version(), "rlg_genpo": __version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    try:
        # Not getrusage's, which on Linux begins with what the starting process had.
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        peak = None
    if peak is not None:
        return round(int(peak[1]) / 1e3, 1)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return round(used / (1e6 if sys.platform == "darwin" else 1e3), 1)
