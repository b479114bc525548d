"""The device and torch's threads, where a YAML leaves them open."""

import pytest
import torch

from rlg_genpo.common import machine
from rlg_genpo.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "cuda", "picked"),
    [
        ({}, False, {"device": "cpu", "device_name": "cpu"}),
        ({}, True, {"device": "cuda:0", "device_name": "cuda:0"}),
        ({"device": "cpu"}, True, {"device": "cpu", "device_name": "cuda:0"}),
        (
            {"device": "cuda:1", "device_name": "cuda:1"},
            True,
            {"device": "cuda:1", "device_name": "cuda:1"},
        ),
    ],
)
def test_a_missing_device_is_filled_in(monkeypatch, given, cuda, picked):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    config = dict(given)
    machine.set_device(config)
    assert {key: config[key] for key in picked} == picked
    assert ("torch_compile" in config) == (config["device"] == "cpu")


@pytest.mark.parametrize("key", ["device", "device_name"])
def test_a_device_that_is_not_there_is_named(monkeypatch, key):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError) as error:
        machine.set_device({key: "cuda:0"})
    assert str(error.value) == (
        f"params.config.{key}: cuda:0, but torch sees no CUDA device; use cpu for "
        "config.device and config.device_name, or --device cpu."
    )


def test_auto_device_falls_back(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    config = {"device": "cuda:0"}
    assert machine.set_device(config, "auto") == "cpu"
    assert config == {"device": "cpu", "device_name": "cpu", "torch_compile": False}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert machine.set_device({}, "auto") == "cuda:0"
    assert machine.set_device({"device": "cuda:1"}, "auto") == "cuda:1"
    assert machine.set_device({"device": "cpu"}, "auto") == "cpu"
    assert machine.set_device({"device": "cpu"}, "cuda") == "cuda:0"


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (4, 1), (8, 2), (64, 4)])
def test_threads_grow_with_the_machine_unless_they_are_given(monkeypatch, cores, threads):
    taken = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    params = {}
    assert machine.set_threads(params) and not machine.set_threads(params)
    assert params == {"torch_threads": threads} and taken == [threads]
