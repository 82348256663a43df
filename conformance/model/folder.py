"""What MLflow, ONNX's checker and Python's ONNX Runtime make of a model folder of ours."""

import json
import os
import sys

import checks
import mlflow
import numpy as np
import onnx
import onnxruntime
from mlflow.models import Model

folder = os.environ["MODEL_FOLDER"]


def check_mlmodel():
    """MLflow reads the MLmodel file, its signature and its input example"""
    model = Model.load(folder)
    assert set(model.flavors) == {"onnx", "millrace"}, model.flavors
    inputs = model.signature.inputs
    assert not inputs.is_tensor_spec() and inputs.input_names()[0] == "time_hour", inputs
    assert "weather__temp" in inputs.optional_input_names(), inputs
    assert model.signature.outputs.input_names() == ["label", "probability"]
    example = model.load_input_example(folder)
    assert list(example.columns) == inputs.input_names(), example


def check_onnx():
    """ONNX's full check finds nothing, and the versions are those that we promise"""
    model = mlflow.onnx.load_model(folder)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert {(opset.domain, opset.version) for opset in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}


def check_runtime():
    """Python's ONNX Runtime predicts, an unknown category and missing numbers included"""
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"))
    with open(os.path.join(folder, "features.json")) as file:
        spec = json.load(file)
    numeric = np.full((3, len(spec["numeric"])), 5, dtype=np.float32)
    numeric[2] = np.nan
    categorical = np.array([["UA", "EWR", "LAX"], ["??", "EWR", "LAX"], ["", "", ""]])
    label, probabilities = session.run(None, {"numeric": numeric, "categorical": categorical})
    assert label.shape == (3,) and label.dtype == np.int64
    assert probabilities.shape == (3, 2) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["millrace.numeric"]) == [column["name"] for column in spec["numeric"]]


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
