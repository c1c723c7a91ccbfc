"""TFLite Micro from its wheel, as the tests use it: outputs, all tensors, and the bytes that its planner allots."""

import os
import re
import tempfile

import numpy as np
import pytest

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="needs the tflite-micro wheel")
ARENA = 16 * 2**20


def _interpreter(data, *, preserve):
    kinds = runtime.InterpreterConfig
    kind = kinds.kPreserveAllTensors if preserve else kinds.kAllocationRecording
    return runtime.Interpreter.from_bytes(data, arena_size=ARENA, intrepreter_config=kind)


def outputs(data, images):
    """(n, classes) int8 of images (n, height, width, channels) int8."""
    interpreter = _interpreter(data, preserve=False)
    found = []
    for i in range(len(images)):
        interpreter.set_input(images[i : i + 1], 0)
        interpreter.invoke()
        found.append(interpreter.get_output(0)[0].copy())
    return np.stack(found)


def tensors(data, images, count):
    """The first `count` tensors of the file, each flattened an image: (n, elements) int8."""
    interpreter = _interpreter(data, preserve=True)
    found = [[] for _ in range(count)]
    for i in range(len(images)):
        interpreter.set_input(images[i : i + 1], 0)
        interpreter.invoke()
        for t in range(count):
            found[t].append(interpreter.GetTensor(t, 0)["tensor_data"].ravel().copy())
    return [np.stack(each) for each in found]


def arena_head(data, image):
    """Bytes of the arena's head: what the planner makes of the activations."""
    interpreter = _interpreter(data, preserve=False)
    interpreter.set_input(image, 0)
    interpreter.invoke()
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        file.seek(0)
        return int(re.search(rb"head (\d+) bytes", file.read())[1])
