"""Prints how far a reader has to walk through the package: its size, an update, a setting.

    python tools/structure.py                  # of this checkout
    python tools/structure.py --root FOLDER    # of another one, such as an earlier commit

Three figures, all of files under ``rlg_genpo/``; a folder is one that holds such a file itself.

- Size: lines of all files, blank ones and comments included.
- An update: the files of which a function runs in ``train_epoch`` after the rollout, that is from
  ``prepare_dataset`` through every ``calc_gradients`` to ``after_update``. Each policy trains for
  two epochs on an environment of the package, with small networks.
- A setting, ``network.flow.steps`` of GenPO: the files that a training run enters, from the Runner
  to the last epoch, and whose code has the identifier ``steps``: as a variable, an argument, a
  field or an attribute. Comments, docstrings and strings do not count, nor do files in which no
  function runs, such as the other policies'. Both values of ``network.flow.memory`` are run, since
  each takes a way of its own. It is parsed as often as a dataclass with such a field is built; so
  is ``network.diffusion.steps`` of DDPL.
"""

import argparse
import ast
import contextlib
import inspect
import io
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).resolve().parents[1]
SETTING = "steps"
UNITS = {"units": [8], "activation": "relu"}
MLP = {"units": [8], "activation": "elu", "initializer": {"name": "default"}}
FLOW = {SETTING: 2, "units": [8]}

#: a policy's blocks of ``params.network``, and the environment that it is traced on
POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "genpo": ({"flow": FLOW}, "multigoal"),
    "cppo": ({"flow": FLOW, "residual": {"units": [8]}}, "multigoal"),
    "ddpl": ({"diffusion": {SETTING: 2, **UNITS}, "action_value": UNITS}, "game"),
}


@dataclass
class Visits:
    """A profiling function: notes which files run, in all and during updates."""

    package: Path
    run: set[Path] = field(default_factory=set)
    update: set[Path] = field(default_factory=set)
    parsed: int = 0
    updating: bool = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        # Modules and class bodies run when they are imported, and are no part of the way.
        if event != "call" or not code.co_flags & inspect.CO_OPTIMIZED:
            return
        # This is how a dataclass's generated constructor looks.
        generated = code.co_filename == "<string>" and code.co_name == "__init__"
        self.parsed += generated and SETTING in code.co_varnames
        file = Path(code.co_filename)
        if self.package in file.parents:
            self.run.add(file)
            if self.updating:
                self.update.add(file)

    def watch(self, agent: Any) -> None:
        """Take what an epoch does after its rollout for the update."""
        rollout, epoch = agent.play_steps, agent.train_epoch

        def play_steps() -> Any:
            batch = rollout()
            self.updating = True
            return batch

        def train_epoch() -> Any:
            result = epoch()
            self.updating = False
            return result

        agent.play_steps, agent.train_epoch = play_steps, train_epoch


def settings(policy: str, folder: str, **flow: Any) -> dict[str, Any]:
    """The smallest configuration that trains a policy."""
    blocks, env_name = POLICIES[policy]
    if flow:
        blocks = {**blocks, "flow": {**blocks["flow"], **flow}}
    network = {"name": f"{policy}_actor_critic", "separate": False, "mlp": MLP, **blocks}
    config = {
        **{"name": policy, "env_name": env_name, "train_dir": folder, "torch_compile": False},
        **{"device": "cpu", "device_name": "cpu", "reward_shaper": {"scale_value": 1}},
        **{"normalize_input": True, "normalize_value": True, "normalize_advantage": True},
        **{"gamma": 0.99, "tau": 0.95, "learning_rate": 1e-3, "lr_schedule": "linear"},
        **{"grad_norm": 1.0, "truncate_grads": True, "e_clip": 0.2, "clip_value": False},
        **{"entropy_coef": 0.0, "bounds_loss_coef": 0.01, "critic_coef": 2},
        **{"num_actors": 8, "horizon_length": 4, "minibatch_size": 16, "mini_epochs": 1},
        **{"max_epochs": 2},
    }
    algorithm, model = {"name": policy}, {"name": policy}
    return {"params": {"algo": algorithm, "model": model, "network": network, "config": config}}


def trace(package: Path, policy: str, **flow: Any) -> Visits:
    """Train a policy and note where that leads."""
    from rl_games.common.algo_observer import DefaultAlgoObserver
    from rl_games.torch_runner import Runner

    visits = Visits(package)

    class Observer(DefaultAlgoObserver):
        def after_init(self, algo: Any) -> None:
            super().after_init(algo)
            visits.watch(algo)

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        runner = Runner(Observer())
        runner.load(settings(policy, folder, **flow))
        sys.setprofile(visits)
        try:
            runner.run_train({"train": True})
        finally:
            sys.setprofile(None)
    return visits


def identifiers(file: Path) -> set[str]:
    """The names in a file's code."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        found = (getattr(node, key, None) for key in ("id", "attr", "arg"))
        names.update(name for name in found if isinstance(name, str))
    return names


def listed(package: Path, files: set[Path]) -> str:
    """Files and folders by number, then the files by name."""
    names = sorted(str(file.relative_to(package)) for file in files)
    folders = {file.parent for file in files}
    return f"{len(names)} files in {len(folders)} folders: {', '.join(names)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--root", type=Path, default=HERE, help="the checkout to look at")
    root = parser.parse_args().root.resolve()
    package = root / "rlg_genpo"
    sys.path.insert(0, str(root))

    import rlg_genpo

    assert Path(rlg_genpo.__file__).parent == package, f"imported {rlg_genpo.__file__}"
    files = set(package.rglob("*.py"))
    lines = sum(len(file.read_text().splitlines()) for file in files)
    folders = {file.parent for file in files}
    print(f"rlg_genpo: {lines} lines in {len(files)} files, {len(folders)} folders")
    for policy in POLICIES:
        visits = trace(package, policy)
        print(f"an update of {policy}: {listed(package, visits.update)}")
        print(f"  its number of steps is parsed {visits.parsed} times in a run")
    ways = [trace(package, "genpo", memory=memory) for memory in ("store", "recompute")]
    entered = {file for way in ways for file in way.run}
    used = {file for file in entered if SETTING in identifiers(file)}
    print(f"network.flow.steps of genpo: {listed(package, used)}")


if __name__ == "__main__":
    main()
