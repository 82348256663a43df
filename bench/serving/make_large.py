"""Makes the large model of bench/serving/swap.ts at FILE: 100 MB of an embedding of which a request reads one row. It is slow to load and fast to run."""

import sys

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx import save

WIDTH = 128
ROWS = 100_000_000 // (4 * WIDTH)
table = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)
graph = h.make_graph(
    [h.make_node("Gather", ["table", "x"], ["found"], axis=0), h.make_node("ReduceMean", ["found"], ["y"], axes=[2], keepdims=0)],
    "embedding",
    [h.make_tensor_value_info("x", T.INT64, ["N", 1])],
    [h.make_tensor_value_info("y", T.FLOAT, ["N", 1])],
    [nh.from_array(table, "table")],
)
save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), sys.argv[1])
