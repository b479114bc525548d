"""What README and documentation say is true: YAML and commands are run, on a small budget."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import configs, main
from rlg_genpo.cli.commands import program
from rlg_genpo.genpo.config import CoupledFlowConfig
from tests.common.test_scalars import ALWAYS

ROOT = Path(__file__).parent.parent
PATHS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
DOCUMENTS = {path.name: path.read_text() for path in PATHS}
#: whose commands are run in the order in which they stand, beside those for several agents
SINGLE = ("README.md", "start.md", "commands.md", "swap.md")
#: short episodes, so that some end
SMALL = (
    "--frames 256 --envs 4 config.horizon_length=32 config.minibatch_size=32 "
    "config.env_config.max_episode_steps=20"
)


def blocks(language: str, document: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document, flags=re.DOTALL)


def commands(document: str) -> list[str]:
    """Every ``rlg-genpo`` line of a document, from its blocks and from the cells of its tables."""
    lines = [line for block in blocks("bash", document) for line in block.splitlines()]
    lines += re.findall(r"^\| `(rlg-genpo [^`]+)` \|", document, flags=re.MULTILINE)
    # mjlab's are run where it is installed, by tests/envs
    found = [line.split("#")[0].strip() for line in lines if "mjlab" not in line]
    return list(dict.fromkeys(line for line in found if line.startswith("rlg-genpo ")))


@pytest.mark.slow
@pytest.mark.parametrize("document", SINGLE)
def test_every_command_runs(
    document: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("envpool")
    monkeypatch.chdir(tmp_path)
    lines = [line for line in commands(DOCUMENTS[document]) if "ddpl" not in line]
    if any("mine" in line for line in lines):
        (tmp_path / "mine.yaml").write_text(configs.find("halfcheetah_ppo").read_text())
        assert main(["train", "mine.yaml", "--name", "mine", *shlex.split(SMALL)]) == 0
        shutil.copy(tmp_path / "runs" / "mine" / "nn" / "last.pth", tmp_path / "mine.pth")
    for line in lines:
        words = shlex.split(line.replace("runs/*", "runs/halfcheetah_genpo_seed1"))[1:]
        if words[0] == "train" and words[1] != "--resume":
            if "--frames" in words:
                del words[words.index("--frames") : words.index("--frames") + 2]
            words += shlex.split(SMALL)
        if words[0] in ("play", "eval"):
            words += ["--episodes", "2"]
        assert main(words) == 0, (line, capsys.readouterr().err)


def test_every_command_is_run_from_some_document() -> None:
    lines = [line for name in (*SINGLE, "agents.md") for line in commands(DOCUMENTS[name])]
    assert {line.split()[1] for line in lines} == set(program.commands)


@pytest.mark.slow
def test_every_command_for_several_agents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("vmas")
    monkeypatch.chdir(tmp_path)
    small = {
        "train": shlex.split(
            "--frames 200 --envs 4 config.minibatch_size=100 config.env_config.max_steps=20"
        ),
        "eval": ["--episodes", "2"],
    }
    for line in commands(DOCUMENTS["agents.md"]):
        words = shlex.split(line)[1:]
        assert main(words + small.get(words[0], [])) == 0, (line, capsys.readouterr().err)
    (example,) = blocks("python", DOCUMENTS["agents.md"])
    scope = {"observation": np.zeros((3, 18), np.float32)}
    exec(example, scope)
    assert scope["action"].shape == (3, 2)


def patched(difference: str, text: str) -> str:
    """The text with the lines of a diff without line numbers; none of them may be missing."""
    rest, done = text, ""
    for line in difference.splitlines():
        kind, content = line[:1], line[1:]
        if not content.strip():
            continue
        if kind != "+":
            before, found, rest = rest.partition(f"{content}\n")
            assert found, line
            done += before
        if kind != "-":
            done += f"{content}\n"
    return done + rest


def parsed(params: dict) -> CoupledFlowConfig:
    """GenPO's flow in a document's YAML, which starts as the Gaussian."""
    settings = algorithms()["genpo"].parse(params)
    assert settings.departs() is None
    return settings.flow


def test_the_readmes_change_is_all_that_genpo_needs() -> None:
    (difference,) = blocks("diff", DOCUMENTS["README.md"])
    text = patched(difference, configs.find("halfcheetah_ppo").read_text())
    assert parsed(yaml.load(text, configs.Loader)["params"]).steps == 2


def test_the_guides_change_by_hand_is_all_that_genpo_needs() -> None:
    (block,) = blocks("yaml", DOCUMENTS["swap.md"])
    change = yaml.safe_load(block.replace("{...}", "{}"))["params"]
    gaussian = configs.load(configs.find("halfcheetah_ppo"))
    kept = {key: gaussian["network"][key] for key in ("space", "mlp")}
    network = {**gaussian["network"], **change["network"], **kept}
    assert parsed({**gaussian, **change, "network": network}).steps == 2


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_linked_file_exists(name: str) -> None:
    folder = ROOT if name in ("README.md", "CONTRIBUTING.md") else ROOT / "docs"
    links = re.findall(r"\]\(((?!https?:)[^)#\s]+)", DOCUMENTS[name])
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_scalar_of_genpo_is_explained() -> None:
    assert [name for name in ALWAYS if f"`{name}`" not in DOCUMENTS["scalars.md"]] == []
