"""The README's YAML and commands are true: each is run, on a small budget."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from rlg_genpo.algorithm import algorithms
from rlg_genpo.cli import configs, main

DDPL = (Path(__file__).parent.parent / "docs" / "ddpl.md").read_text()
README = (Path(__file__).parent.parent / "README.md").read_text()
#: short episodes, so that some end
SMALL = (
    "--frames 256 --envs 4 config.horizon_length=32 config.minibatch_size=32 "
    "config.env_config.max_episode_steps=20"
)


def blocks(language: str, document: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document, flags=re.DOTALL)


def commands(document: str = README) -> list[str]:
    """Every ``rlg-genpo`` line of a document, from its blocks and its tables."""
    lines = [line for block in blocks("bash", document) for line in block.splitlines()]
    lines += re.findall(r"`(rlg-genpo [^`]+)`", document)
    # mjlab's are run where it is installed, by tests/envs
    found = [line.split("#")[0].strip() for line in lines if "mjlab" not in line]
    return list(dict.fromkeys(line for line in found if line.startswith("rlg-genpo ")))


@pytest.mark.slow
def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("envpool")
    monkeypatch.chdir(tmp_path)
    order = ("list", "check", "swap", "doctor", "train", "play", "eval", "export", "plot")
    (tmp_path / "mine.yaml").write_text(configs.find("halfcheetah_ppo").read_text())
    assert main(["train", "mine.yaml", "--name", "mine", *shlex.split(SMALL)]) == 0
    shutil.copy(tmp_path / "runs" / "mine" / "nn" / "last.pth", tmp_path / "mine.pth")
    ours = [line for line in commands() if "ddpl" not in line]  # those are in docs/ddpl.md too
    lines = sorted(ours, key=lambda line: (order.index(line.split()[1]), "--resume" in line))
    assert {line.split()[1] for line in lines} == set(order)
    for line in lines:
        words = shlex.split(line.replace("runs/*", "runs/halfcheetah_genpo_seed5"))[1:]
        if words[0] == "train" and "--resume" not in words:
            if "--frames" in words:
                del words[words.index("--frames") : words.index("--frames") + 2]
            words += shlex.split(SMALL)
        if words[0] in ("play", "eval"):
            words += ["--episodes", "2"]
        if words[0] == "swap":  # more than one of them writes this file
            (tmp_path / "mine_genpo.yaml").unlink(missing_ok=True)
        assert main(words) == 0, (line, capsys.readouterr().err)
    assert (tmp_path / "curves.png").exists()
    assert (tmp_path / "evaluation.json").exists()


@pytest.mark.slow
def test_every_command_of_ddpls_guide_runs(
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
    lines = [line.replace("RUN", "runs/vmas_navigation_ddpl_seed5") for line in commands(DDPL)]
    assert {line.split()[1] for line in lines} == {"train", "eval", "export"}
    for line in lines:
        words = shlex.split(line)[1:]
        assert main(words + small.get(words[0], [])) == 0, (line, capsys.readouterr().err)
    (program,) = blocks("python", DDPL)
    scope = {"observation": np.zeros((3, 18), np.float32)}
    exec(program, scope)
    assert scope["action"].shape == (3, 2)


def test_the_yaml_change_is_all_that_genpo_needs() -> None:
    (block,) = blocks("yaml")
    change = yaml.safe_load(block.replace("{...}", "{}"))["params"]
    gaussian = configs.load(configs.find("halfcheetah_ppo"))
    swapped = {**gaussian, "algo": change["algo"], "model": change["model"]}
    kept = {key: gaussian["network"][key] for key in ("space", "mlp")}
    swapped["network"] = {**gaussian["network"], **change["network"], **kept}
    settings = algorithms()["genpo"].parse(swapped)
    assert settings.departs() is None
    assert settings.flow.steps == change["network"]["flow"]["steps"]


def test_every_linked_file_exists() -> None:
    root = Path(__file__).parent.parent
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (root / link).exists()] == []
