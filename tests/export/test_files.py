"""The files: read without this package, alike to the module, for every batch size."""

import json

import pytest
import torch

from rlg_genpo.errors import ConfigError
from rlg_genpo.export import files
from rlg_genpo.export.policies import policies_of
from tests.export.cases import CASES, inputs_of, observed, player_of, started

every_case = pytest.mark.parametrize("overrides", CASES.values(), ids=CASES)


def held_beside_the_module(rig, tmp_path, overrides, kind, sample):
    """Write each policy, and compare with it at several batch sizes; returns the paths."""
    player, params = player_of(rig, overrides)
    paths = []
    for policy in policies_of(player, params, sample):
        path = tmp_path / f"{policy.name or 'policy'}{files.ENDINGS[kind]}"
        files.write(policy.module, path, kind, {"policy": params["algo"]["name"], "frames": 3})
        run = files.runner(path, kind)
        for rows in (1, 3, 64):
            obs = observed(player, rows)
            inputs = inputs_of(policy, obs, started(player, obs).states)
            inputs += [torch.randn(rows, *port.shape) for port in policy.module.noise]
            with torch.no_grad():
                expected = policy.module(*inputs)
            expected = [expected] if isinstance(expected, torch.Tensor) else expected
            for found, wanted in zip(run(inputs), expected, strict=True):
                torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        paths.append(path)
    return paths


#: a policy of each kind, and a recurrent one: the trunks are the same with noise
SAMPLED = ("genpo", "genpo_gru", "cppo", "ddpl", "ddpl_long", "gaussian")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sample"), [*((name, False) for name in CASES), *((name, True) for name in SAMPLED)]
)
def test_onnx_in_onnxruntime(rig, tmp_path, name, sample):
    onnx = pytest.importorskip("onnx", reason="the extra export")
    pytest.importorskip("onnxscript", reason="the extra export")
    pytest.importorskip("onnxruntime", reason="the extra export")
    for path in held_beside_the_module(rig, tmp_path, CASES[name], "onnx", sample):
        graph = onnx.load(path).graph
        # No operator of ours, and nothing is drawn inside.
        assert {node.domain for node in graph.node} <= {""}
        assert not [node.op_type for node in graph.node if "Random" in node.op_type]


@every_case
@pytest.mark.parametrize("sample", [False, True], ids=["deterministic", "sample"])
def test_torchscript(rig, tmp_path, overrides, sample):
    held_beside_the_module(rig, tmp_path, overrides, "torchscript", sample)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SAMPLED, "genpo_dict_image"])
def test_a_program_of_torch_export(rig, tmp_path, name):
    held_beside_the_module(rig, tmp_path, CASES[name], "torch", sample=True)


FACTS = {"policy": "genpo", "frames": 3, "action_low": [-1.0, -1.0]}
INPUTS = [
    {"name": "observation", "shape": ["batch", 4], "dtype": "float32"},
    {"name": "hidden", "shape": [1, "batch", 16], "dtype": "float32"},
    {"name": "cell", "shape": [1, "batch", 16], "dtype": "float32"},
]


@pytest.fixture
def module(rig):
    player, params = player_of(rig, CASES["genpo_lstm"])
    return policies_of(player, params, sample=False)[0].module


def test_torchscript_says_what_it_holds(module, tmp_path):
    files.write(module, tmp_path / "a.pt", "torchscript", FACTS)
    held = {files.METADATA: ""}
    torch.jit.load(tmp_path / "a.pt", _extra_files=held)
    facts = json.loads(held[files.METADATA])
    assert facts["inputs"] == INPUTS and facts["action_low"] == [-1.0, -1.0]


@pytest.mark.slow
def test_a_program_says_what_it_holds(module, tmp_path):
    files.write(module, tmp_path / "a.pt2", "torch", FACTS)
    held = {files.METADATA: ""}
    torch.export.load(tmp_path / "a.pt2", extra_files=held)
    assert json.loads(held[files.METADATA])["inputs"] == INPUTS


@pytest.mark.slow
def test_onnx_says_what_it_holds(module, tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="the extra export")
    files.write(module, tmp_path / "a.onnx", "onnx", FACTS)
    session = runtime.InferenceSession(tmp_path / "a.onnx")
    held = session.get_modelmeta().custom_metadata_map
    assert held["policy"] == "genpo" and json.loads(held["frames"]) == 3
    assert json.loads(held["inputs"]) == INPUTS
    assert [(one.name, one.shape) for one in session.get_inputs()] == [
        (one["name"], one["shape"]) for one in INPUTS
    ]
    assert [one.name for one in session.get_outputs()] == ["action", "next_hidden", "next_cell"]


def test_a_missing_package_is_named_with_the_command(module, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    pattern = r'--format onnx: onnx.* is not installed; pip install "rlg_genpo\[export\]"'
    with pytest.raises(ConfigError, match=pattern):
        files.write(module, tmp_path / "a.onnx", "onnx", FACTS)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_as_a_whole(module, tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    path.write_text("older")

    def fails(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(torch.jit, "save", fails)
    with pytest.raises(OSError, match="disk full"):
        files.write(module, path, "torchscript", FACTS)
    assert path.read_text() == "older"
