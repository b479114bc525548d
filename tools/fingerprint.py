"""Prints a hash of each shipped policy's weights after a short run, to compare two checkouts.

    python tools/fingerprint.py > before.txt      # in one checkout
    python tools/fingerprint.py | diff before.txt -   # in the other, on the same machine

A change that keeps results keeps every line: the same seed gives the same weights, bit for bit. The
hashes differ between machines and versions of torch, so none is committed.
"""

import contextlib
import hashlib
import io
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from rlg_genpo.cli import main

CONFIGS = Path(__file__).parents[1] / "task_configs"

SMALL = ("--envs", "8", "--frames", "1024", "config.horizon_length=32", "config.minibatch_size=64")
LSTM = "network.rnn={name: lstm, units: 16, layers: 1, before_mlp: false}"
#: what is run: a label, a file of task_configs/ and overrides
RUNS = (
    ("GenPO, fast head", "halfcheetah_genpo", ()),
    ("GenPO, recomputing", "ant_genpo", ("network.flow.memory=recompute",)),
    ("GenPO, wider", "humanoid_genpo", ("config.entropy_coef=0.01", "config.max_frames=-1")),
    ("GenPO, LSTM", "hopper_genpo", (LSTM, "network.flow.condition=features")),
    ("CPPO, observation", "halfcheetah_cppo", ()),
    ("CPPO, features", "ant_cppo", ()),
    ("CPPO, multigoal", "multigoal_cppo", ()),
    ("DDPL, VMAS", "vmas_navigation_ddpl", ()),
    ("DDPL, unshared", "vmas_balance_ddpl", ("network.diffusion.shared_weights=false",)),
    ("DDPL, game", "game_ddpl", ("config.horizon_length=8",)),
    ("Gaussian, rl_games' own", "halfcheetah_ppo", ()),
    ("Gaussian, central critic", "vmas_navigation_central_ppo",
     ("config.central_value_config.minibatch_size=64",)),
)  # fmt: skip


def weights(config: str, overrides: tuple[str, ...], folder: str) -> str:
    """The hash of the last checkpoint's model after a short run."""
    words = ["train", str(CONFIGS / f"{config}.yaml"), "--seed", "7", "--device", "cpu"]
    words += ["--runs", folder, "--name", config, *SMALL, *overrides]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    if code:
        raise SystemExit(f"{config}: exit code {code}\n{said.getvalue()}")
    state = torch.load(Path(folder) / config / "nn" / "last.pth", weights_only=False)
    digest = hashlib.sha256()
    for name, value in sorted(state["model"].items()):
        digest.update(name.encode())
        digest.update(value.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    for label, config, overrides in RUNS:
        with tempfile.TemporaryDirectory() as temporary:
            print(f"{weights(config, overrides, temporary)}  {label}", flush=True)
    sys.exit(0)
