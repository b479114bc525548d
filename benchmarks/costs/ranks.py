"""One rank of a data-parallel run, timed: the program that ``scaling.py`` starts.

rl_games itself allows no CPU run of ``multi_gpu``: it asks for the nccl backend, writes a CUDA
device into the config and selects it. On a CPU exactly these are replaced: gloo for nccl, a config
that keeps its device, no device selection.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from costs import agents
from costs.sizes import ANT, TINY
from costs.timing import wait


class CpuConfig(dict):
    """A config block that refuses to be moved to a CUDA device."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if not str(value).startswith("cuda"):
            super().__setitem__(key, value)


def stay_on_cpu() -> None:
    """What rl_games would take from a GPU's library."""
    start = torch.distributed.init_process_group
    torch.distributed.init_process_group = (  # type: ignore[assignment]
        lambda backend, **kwargs: start("gloo", **kwargs)
    )
    torch.cuda.set_device = lambda device: None  # type: ignore[assignment]


def main(who: str, device: str, quick: bool, epochs: int, folder: str) -> None:
    """Print the seconds of an epoch, and its rows, of this rank."""
    world = int(os.environ["WORLD_SIZE"])
    size, load = (TINY if quick else ANT), agents.load_for(device, quick)
    params = agents.params_of(who, size, load, device, Path(folder))
    if device == "cpu":
        params["config"] = CpuConfig(params["config"])
        stay_on_cpu()
    params["config"]["multi_gpu"] = world > 1
    agent = agents.agent_of(params)
    if world > 1:
        # as rl_games' train() has it before its first epoch
        torch.cuda.set_device(agent.local_rank)
        weights = [agent.model.state_dict()]
        torch.distributed.broadcast_object_list(weights, 0)
        agent.model.load_state_dict(weights[0])
    agents.epoch(agent)
    wait(device)
    start = time.perf_counter()
    for _ in range(epochs):
        agents.epoch(agent)
    wait(device)
    seconds = (time.perf_counter() - start) / epochs
    print(json.dumps({"seconds": seconds, "rows": load.rows}))
    if world > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3] == "quick", int(sys.argv[4]), sys.argv[5])
