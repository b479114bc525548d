"""The three formats, each written with its metadata and read again without this package.

All are made of one trace with a dynamic batch. Operators are the exporters' own.
"""

import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlg_genpo.common.deployed import Deployed, Port
from rlg_genpo.errors import ConfigError
from rlg_genpo.host import disk

INSTALL = 'pip install "rlg_genpo[export]"'
METADATA = "metadata.json"

#: inputs to outputs, both in the order of the metadata
Run = Callable[[Sequence[Tensor]], list[Tensor]]


def write(module: Deployed, path: Path, kind: str, metadata: Mapping[str, Any]) -> None:
    """Write a policy, in the place of an older file.

    Args:
        kind: a key of :data:`ENDINGS`.
        metadata: what is put into the file beside the names and sizes of inputs and outputs.

    Raises:
        ConfigError: a package is missing that the format needs.
    """
    facts = {**metadata, "inputs": ports(module.inputs), "outputs": ports(module.outputs)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet(), torch.no_grad():
        content = WRITERS[kind](module, facts)
    disk.write(path, content)


def ports(listed: Sequence[Port]) -> list[dict[str, Any]]:
    """As metadata says them: the shape with the word batch at its place."""
    return [
        {
            "name": port.name,
            "shape": [*port.shape[: port.axis], "batch", *port.shape[port.axis :]],
            "dtype": str(port.dtype).removeprefix("torch."),
        }
        for port in listed
    ]


def needed(module: str, what: str) -> Any:
    """A package of the extra ``export``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise ConfigError(f"{what}: {module} is not installed; {INSTALL}.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Exporters warn of what concerns their authors."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def example(module: Deployed) -> tuple[Tensor, ...]:
    """Inputs to trace it with. Two rows: torch takes a size of 1 for one that never changes."""
    return tuple(port.example(2) for port in module.inputs)


def every_batch(module: Deployed) -> dict[str, Any]:
    """What torch's exporters are to know of the inputs: that the batch has any size."""
    batch = torch.export.Dim("batch")
    return {"given": tuple({port.axis: batch} for port in module.inputs)}


def onnx(module: Deployed, facts: Mapping[str, Any]) -> bytes:
    needed("onnx", "--format onnx")
    optimizer = needed("onnxscript", "--format onnx").optimizer
    program: Any = torch.onnx.export(
        module,
        example(module),
        dynamo=True,
        dynamic_shapes=every_batch(module),
        input_names=[port.name for port in module.inputs],
        output_names=[port.name for port in module.outputs],
        verbose=False,
        # onnxscript's rules take a factor within 1e-5 of 1 for 1, and DDPL's first steps enlarge
        # what they are off by 400 times.
        optimize=False,
    )
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    # ONNX keeps words; what is none of them is written as JSON.
    words = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    program.model.metadata_props.update(words)
    return program.model_proto.SerializeToString()


def torchscript(module: Deployed, facts: Mapping[str, Any]) -> bytes:
    script: Any = torch.jit.trace(module, example(module), check_trace=False)
    content = io.BytesIO()
    torch.jit.save(
        torch.jit.freeze(script.eval()),
        content,
        _extra_files={METADATA: json.dumps(facts).encode()},
    )
    return content.getvalue()


def torch_program(module: Deployed, facts: Mapping[str, Any]) -> bytes:
    program = torch.export.export(module, example(module), dynamic_shapes=every_batch(module))
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={METADATA: json.dumps(facts)})
    return content.getvalue()


def runner(path: Path, kind: str) -> Run:
    """A written file as a function, on one thread of a CPU.

    Raises:
        ConfigError: onnxruntime is missing.
    """
    if kind == "onnx":
        return in_onnxruntime(path)
    program: Any = (
        torch.jit.load(path) if kind == "torchscript" else torch.export.load(path).module()
    )

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            found = program(*inputs)
        return [found] if isinstance(found, Tensor) else list(found)

    return run


def in_onnxruntime(path: Path) -> Run:
    runtime = needed("onnxruntime", "--verify")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        given = {name: one.numpy() for name, one in zip(names, inputs, strict=True)}
        return [torch.from_numpy(found) for found in session.run(None, given)]

    return run


WRITERS = {"onnx": onnx, "torchscript": torchscript, "torch": torch_program}
#: of the files, by format
ENDINGS = {"onnx": ".onnx", "torchscript": ".pt", "torch": ".pt2"}
