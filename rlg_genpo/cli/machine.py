"""The device, the threads and the versions that a run uses."""

import contextlib
import io
import os
import platform
import re
import resource
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from rlg_genpo.common import machine
from rlg_genpo.common.machine import cores
from rlg_genpo.common.machine import set_device as set_device
from rlg_genpo.envs import simulator_of
from rlg_genpo.version import __version__

PACKAGES = (
    "torch", "rl-games", "gymnasium", "envpool", "mjlab", "mujoco-warp", "vmas",
    "gymnasium-robotics", "numpy",
)  # fmt: skip


def set_threads(params: dict[str, Any]) -> str:
    """Choose the threads that the configuration leaves open; returns a line that says so.

    A simulator such as envpool would take one per core, and wait for torch's.
    """
    chosen = ["params.torch_threads"] if machine.set_threads(params) else []
    said, config = f"torch {params['torch_threads']}", params["config"]
    option = simulator_of(config).thread_option
    if option is not None:
        options = config.setdefault("env_config", {})
        if option not in options:
            options[option] = max(1, min(cores() // 2, config["num_actors"]))
            chosen.append(f"params.config.env_config.{option}")
        said += f", {config['env_name']} {options[option]}"
    change = f"; to change: {', '.join(chosen)}" if chosen else ""
    return f"threads: {said} ({cores()} cores){change}"


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
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    # Not getrusage's where Linux has another, since that begins with what the starting process had.
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    if peak is not None:
        return round(int(peak[1]) / 1e3, 1)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return round(used / (1e6 if sys.platform == "darwin" else 1e3), 1)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow what rl_games prints, and warnings about its habits."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
