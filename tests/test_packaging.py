"""The wheel: what it holds, what it resolves, what it needs."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.warm import Warm

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
#: what no wheel is made of
LEFT = (".*", "build", "*.egg-info", "runs", "docs", "benchmarks", "tests", "__pycache__")
PIP_WHEEL = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # setuptools builds in the sources, where another process may be building too.
    copy = shutil.copytree(ROOT, out / "sources", ignore=shutil.ignore_patterns(*LEFT))
    subprocess.run([*PIP_WHEEL, "-w", str(out), str(copy)], check=True)
    return next(out.glob("*.whl"))


def test_wheel_holds_every_package_and_config(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "rlg_genpo").rglob("*.py")}
    configs = {
        f"rlg_genpo/{path.relative_to(ROOT)}"
        for path in (ROOT / "task_configs").rglob("*")
        if path.suffix in (".yaml", ".py")
    }
    assert modules <= held
    assert configs == {name for name in held if "task_configs" in name}
    assert "rlg_genpo/task_configs/isaaclab/ant_genpo.yaml" in configs


def test_base_install_needs_only_what_is_promised(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith("METADATA"))
    needs = [
        line.split(":", 1)[1].strip()
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    ]
    names = {need.split(">")[0].split(";")[0].strip().lower() for need in needs}
    assert names == {"rl-games", "torch", "gymnasium", "pyyaml", "click", "tqdm"}


def test_installed_wheel_registers_and_resolves_module_and_file(
    wheel: Path, tmp_path: Path
) -> None:
    """As Isaac Lab resolves ``module:file.yaml``: beside the module's ``__file__``."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import importlib, os, rlg_genpo\n"
        "configs = importlib.import_module('rlg_genpo.task_configs')\n"
        f"assert configs.__file__.startswith({str(site)!r}), configs.__file__\n"
        "assert os.path.exists(os.path.join(os.path.dirname(configs.__file__), 'ant_genpo.yaml'))\n"
        "import rl_games.torch_runner\n"
        "module, file = 'rlg_genpo.task_configs.isaaclab:velocity_rough_h1_ppo.yaml'.split(':')\n"
        "tasks = importlib.import_module(module)\n"
        f"assert tasks.__file__.startswith({str(site)!r}), tasks.__file__\n"
        "assert os.path.exists(os.path.join(os.path.dirname(tasks.__file__), file))\n"
        "from rl_games.algos_torch.model_builder import MODEL_REGISTRY\n"
        "assert 'genpo' in MODEL_REGISTRY\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=site, check=True, env={"PYTHONPATH": str(site)}
    )


def test_module_and_file_resolve_from_this_install() -> None:
    from importlib import import_module

    module = import_module("rlg_genpo.task_configs")
    assert (Path(module.__file__).parent / "halfcheetah_genpo.yaml").is_file()
    module = import_module("rlg_genpo.task_configs.isaaclab")
    assert (Path(module.__file__).parent / "ant_genpo.yaml").is_file()


@pytest.mark.parametrize(
    "generator",
    [
        "task_configs.py",
        "team_configs.py",
        "toy_configs.py",
        "mjlab_configs.py",
        "isaaclab_configs.py",
        "settings_tables.py",
    ],
)
def test_a_generated_file_is_what_its_generator_writes(generator: str, warm: Warm) -> None:
    done = warm.run([str(ROOT / "tools" / generator), "--check"], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
