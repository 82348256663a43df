"""Models as ONNX, logged with mlflow.onnx, registered and given their alias through the unmodified client; then asked for predictions by
tritonclient (JSON tensors), and by requests that MLflow's own scoring server answers too.

The classifier is not compared with MLflow's server: for data frames its ONNX flavour makes one column of each output, so a model with a label [N] and
probabilities [N, 2] gets 400 there (mlflow/onnx/__init__.py, format_output). Here it is served."""

import json
import os
import sys
import time
import threading
import urllib.error
import urllib.request

import mlflow
import numpy as np
import onnx
import pandas as pd
import requests as http
import tritonclient.http as triton
import uvicorn
from mlflow.models import infer_signature
from mlflow.pyfunc import scoring_server
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

import checks

URL = os.environ["SERVING_URL"]
IRIS = {"X-Millrace-Model": "iris"}
NAMES = ["sepal", "petal", "width"]
FRAME = pd.DataFrame([[5.1, 1.4, 0.2], [6.7, 5.2, 2.3]], columns=NAMES)


def classifier(sign):
    weights = nh.from_array(np.array([[0.2], [0.5], [-0.1]], np.float32) * np.float32(sign), "weights")
    one = nh.from_array(np.array(1, np.float32), "one")
    nodes = [
        h.make_node("Concat", NAMES, ["all"], axis=1),
        h.make_node("MatMul", ["all", "weights"], ["logit"]),
        h.make_node("Sigmoid", ["logit"], ["positive"]),
        h.make_node("Sub", ["one", "positive"], ["negative"]),
        h.make_node("Concat", ["negative", "positive"], ["probabilities"], axis=1),
        h.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    inputs = [h.make_tensor_value_info(name, T.FLOAT, ["N", 1]) for name in NAMES]
    outputs = [h.make_tensor_value_info("label", T.INT64, ["N"]), h.make_tensor_value_info("probabilities", T.FLOAT, ["N", 2])]
    return h.make_model(h.make_graph(nodes, "g", inputs, outputs, [weights, one]), opset_imports=[h.make_opsetid("", 17)], ir_version=8)


def regression():
    """One input of three columns, as scikit-learn's converters make it."""
    weights = nh.from_array(np.array([[0.2], [0.5], [-0.1]], np.float32), "weights")
    nodes = [h.make_node("MatMul", ["X", "weights"], ["variable"])]
    inputs = [h.make_tensor_value_info("X", T.FLOAT, ["N", 3])]
    outputs = [h.make_tensor_value_info("variable", T.FLOAT, ["N", 1])]
    return h.make_model(h.make_graph(nodes, "g", inputs, outputs, [weights]), opset_imports=[h.make_opsetid("", 17)], ir_version=8)


def expected(sign=1):
    logit = FRAME.to_numpy(np.float32) @ (np.array([0.2, 0.5, -0.1], np.float32) * np.float32(sign))
    return 1 / (1 + np.exp(-logit))


def post(path, body, headers={}):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def wait_for_version(model, version):
    for _ in range(800):
        status, headers, _ = post("/invocations", {"dataframe_split": FRAME.to_dict(orient="split")}, {"X-Millrace-Model": model})
        if status == 200 and headers["X-Millrace-Model-Version"] == version:
            return
        time.sleep(0.05)
    raise AssertionError(f"version {version} of {model} did not answer within 40 s")


def register(name, model, outputs):
    with mlflow.start_run():
        info = mlflow.onnx.log_model(model, name="model", signature=infer_signature(FRAME, outputs), registered_model_name=name)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", info.registered_model_version)
    return info


CLASSES = pd.DataFrame({"label": [1], "probability": [0.5]})
register("iris", classifier(1), CLASSES)
PRICE = register("price", regression(), np.array([[0.5]], np.float32))


def start_oracle():
    """MLflow's own scoring server with the same model; gives its address."""
    server = uvicorn.Server(uvicorn.Config(scoring_server.init(mlflow.pyfunc.load_model(PRICE.model_uri)), port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


ORACLE = start_oracle()


def check_a_model_logged_by_mlflow_is_served_when_its_alias_is_set():
    wait_for_version("iris", "1")
    wait_for_version("price", "1")
    _, _, body = post("/invocations", {"dataframe_split": FRAME.to_dict(orient="split")}, IRIS)
    np.testing.assert_allclose([p["probability"] for p in json.loads(body)["predictions"]], expected(), rtol=1e-5)


def check_tritonclient_sees_server_and_model():
    client = triton.InferenceServerClient(URL.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("iris") and client.is_model_ready("iris", "1")
    assert client.get_server_metadata()["name"] == "millrace"
    metadata = client.get_model_metadata("iris")
    assert [i["name"] for i in metadata["inputs"]] == NAMES, metadata
    assert metadata["platform"] == "onnx_onnxv1"


def check_tritonclient_infers_with_tensors_in_json():
    client = triton.InferenceServerClient(URL.removeprefix("http://"))
    for shape in ([2], [2, 1]):
        inputs = []
        for name in NAMES:
            tensor = triton.InferInput(name, shape, "FP32")
            tensor.set_data_from_numpy(FRAME[name].to_numpy(np.float32).reshape(shape), binary_data=False)
            inputs.append(tensor)
        outputs = [triton.InferRequestedOutput("probabilities", binary_data=False)]
        result = client.infer("iris", inputs, request_id="from-triton", outputs=outputs)
        np.testing.assert_allclose(result.as_numpy("probabilities")[:, 1], expected(), rtol=1e-5)
        assert result.get_response()["id"] == "from-triton"
        assert result.get_response()["model_version"] == "1"


def check_tritonclient_is_told_of_an_unknown_model():
    client = triton.InferenceServerClient(URL.removeprefix("http://"))
    try:
        client.infer("other", [triton.InferInput("sepal", [1], "FP32").set_data_from_numpy(np.ones(1, np.float32), binary_data=False)])
    except triton.InferenceServerException as error:
        assert "no model other" in str(error), error
    else:
        raise AssertionError("it answered")


def check_good_and_bad_requests_get_the_status_and_numbers_that_mlflow_gives():
    wait_for_version("price", "1")
    record = FRAME.to_dict(orient="records")[0]
    requests = [
        {"dataframe_split": FRAME.to_dict(orient="split")},
        {"dataframe_split": {"columns": NAMES, "data": FRAME.to_numpy().tolist()}},
        {"dataframe_records": FRAME.to_dict(orient="records")},
        {"inputs": {name: FRAME[name].tolist() for name in NAMES}},
        {"instances": FRAME.to_dict(orient="records")},
        {"dataframe_records": [{**record, "more": 1}]},
        {"dataframe_records": [record], "params": {}},
        {"dataframe_records": [{"sepal": 1.0}]},
        {"dataframe_records": [{**record, "sepal": "wide"}]},
        {"dataframe_records": [record], "instances": [record]},
        {"dataframe_split": {"columns": NAMES, "data": [[1.0]]}},
        {"dataframe_split": {"columns": NAMES, "rows": []}},
        {"rows": []},
        {},
        [],
        b"{",
        b"",
    ]
    differences = []
    for body in requests:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        theirs = http.post(ORACLE + "/invocations", data=data, headers={"Content-Type": "application/json"})
        status, _, answer = post("/invocations", data, {"X-Millrace-Model": "price"})
        if theirs.status_code != status:
            differences.append((data, theirs.status_code, theirs.text[:300], status, answer[:300]))
        elif status == 200:
            ours = json.loads(answer)["predictions"]
            np.testing.assert_allclose(ours, [p["variable"] for p in theirs.json()["predictions"]], rtol=1e-6)
        else:
            assert set(theirs.json()) & {"error_code", "message"} <= set(json.loads(answer)), (data, theirs.text, answer)
    assert not differences, differences
    for kind in ("text/xml", "application/json; charset=latin-1"):
        theirs = http.post(ORACLE + "/invocations", data=b"{}", headers={"Content-Type": kind})
        assert post("/invocations", b"{}", {"Content-Type": kind, "X-Millrace-Model": "price"})[0] == theirs.status_code == 415


def check_health_routes_answer_as_mlflow_does():
    for path in ("/ping", "/health"):
        with urllib.request.urlopen(URL + path) as response:
            theirs = http.get(ORACLE + path)
            assert (response.status, response.read()) == (theirs.status_code, theirs.content)


def check_a_new_version_takes_over_when_the_alias_moves():
    register("iris", classifier(-1), CLASSES)
    wait_for_version("iris", "2")
    _, _, body = post("/invocations", {"dataframe_split": FRAME.to_dict(orient="split")}, IRIS)
    np.testing.assert_allclose([p["probability"] for p in json.loads(body)["predictions"]], expected(-1), rtol=1e-5)


checks.run(sys.modules[__name__])
