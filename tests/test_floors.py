"""The house's rules: each floor imports only what stands below it, and keeps quiet and small."""

import ast
import sys
from pathlib import Path

import pytest

import rlg_genpo

ROOT = Path(rlg_genpo.__file__).parent
FILES = {str(path.relative_to(ROOT)): path for path in sorted(ROOT.rglob("*.py"))}
LONGEST = 350

NETWORKS = {"torch", "rlg_genpo.networks", "rlg_genpo.maths"}
BLOCKS = {"rlg_genpo.blocks", "rlg_genpo.config", "rlg_genpo.errors"}

#: by path, the longest match counts; beside the standard library
ALLOWED = {
    "maths/": {"torch", "rlg_genpo.maths"},
    "networks/": NETWORKS,
    "networks/trunks.py": NETWORKS | {"rl_games", "rlg_genpo.errors", "rlg_genpo.compat"},
    "policies/": NETWORKS | {"rlg_genpo.policies"},
    "builders/": NETWORKS
    | {
        "rl_games",
        "rlg_genpo.builders",
        "rlg_genpo.compat",
        "rlg_genpo.config",
        "rlg_genpo.errors",
        "rlg_genpo.policies",
    },
    "models/": {
        "torch",
        "rl_games",
        "rlg_genpo.compat",
        "rlg_genpo.models",
        "rlg_genpo.policies",
    },
    "compat.py": {"torch", "rl_games", "rlg_genpo.errors"},
    "envs/": {
        "torch",
        "rl_games",
        "rlg_genpo.blocks",
        "rlg_genpo.compat",
        "rlg_genpo.envs",
        "rlg_genpo.errors",
    },
    "blocks.py": BLOCKS,
    "config/": BLOCKS,
    "errors.py": BLOCKS,
}


def rule_of(name):
    matching = [prefix for prefix in ALLOWED if name.startswith(prefix)]
    return max(matching, key=len, default=None)


def imports_of(source):
    """Absolute names of the modules that a source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "rlg_genpo":
                yield from (f"rlg_genpo.{alias.name}" for alias in node.names)
            else:
                yield node.module


def trespasses(source, allowed):
    return [
        module
        for module in imports_of(source)
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == floor or module.startswith(floor + ".") for floor in allowed)
    ]


@pytest.mark.parametrize("name", [name for name in FILES if rule_of(name)])
def test_a_floor_imports_only_what_stands_below_it(name):
    assert trespasses(FILES[name].read_text(), ALLOWED[rule_of(name)]) == []


@pytest.mark.parametrize("prefix", ALLOWED)
def test_every_rule_governs_a_file(prefix):
    assert any(rule_of(name) == prefix for name in FILES)


def test_a_trespass_is_seen():
    source = "import math\nimport torch.nn\nfrom rlg_genpo import config\nfrom rl_games import x"
    assert trespasses(source, ALLOWED["maths/"]) == ["rlg_genpo.config", "rl_games"]


@pytest.mark.parametrize("name", [name for name in FILES if name != "cli.py"])
def test_the_library_prints_nothing(name):
    called = {
        node.func.id
        for node in ast.walk(ast.parse(FILES[name].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in called


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_one_idea(name):
    source = FILES[name].read_text()
    assert ast.get_docstring(ast.parse(source))
    assert len(source.splitlines()) <= LONGEST
