"""The same requests to `mlflow models serve` and to Millrace: the same status, the same shape, the same numbers.

scoring-differences.json names each request whose status is another on purpose (of `price`, or MODEL: REQUEST), each model whose answers have another shape, and why; docs/serving.md
says it to users."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import requests as http
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

import checks

NAMES = ["sepal", "count", "width"]


def price():
    """A regression of one input of three columns, as scikit-learn's converters make it: doubles, and a whole number between them."""
    weights = nh.from_array(np.array([[0.2], [0.5], [-0.1]], np.float32), "weights")
    graph = h.make_graph(
        [h.make_node("MatMul", ["X", "weights"], ["variable"])],
        "g",
        [h.make_tensor_value_info("X", T.FLOAT, ["N", 3])],
        [h.make_tensor_value_info("variable", T.FLOAT, ["N", 1])],
        [weights],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    inputs = Schema([ColSpec(DataType.double, "sepal"), ColSpec(DataType.long, "count"), ColSpec(DataType.double, "width")])
    return model, ModelSignature(inputs=inputs, outputs=Schema([ColSpec(DataType.double, "variable")]))


IRIS = load_iris()
FLOWERS = pd.DataFrame(IRIS.data, columns=["sepal_length", "sepal_width", "petal_length", "petal_width"])
MEASURES = FLOWERS.to_numpy(np.float32)


def classifier(classes, signature, **options):
    return to_onnx(LogisticRegression(max_iter=2000).fit(MEASURES, classes), MEASURES[:1], options=options), signature


def images():
    """Two outputs of one input of three dimensions."""
    graph = h.make_graph(
        [h.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0), h.make_node("Neg", ["x"], ["negative"])],
        "g",
        [h.make_tensor_value_info("x", T.FLOAT, ["N", 2, 2])],
        [h.make_tensor_value_info("mean", T.FLOAT, ["N"]), h.make_tensor_value_info("negative", T.FLOAT, ["N", 2, 2])],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    return model, ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2, 2), "x")]))


def pair():
    """Two inputs of tensors."""
    graph = h.make_graph(
        [h.make_node("Cast", ["b"], ["bf"], to=T.FLOAT), h.make_node("Add", ["a", "bf"], ["sum"])],
        "g",
        [h.make_tensor_value_info("a", T.FLOAT, ["N", 2]), h.make_tensor_value_info("b", T.INT64, ["N", 1])],
        [h.make_tensor_value_info("sum", T.FLOAT, ["N", 2])],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    return model, ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2), "a"), TensorSpec(np.dtype("int64"), (-1, 1), "b")]))


def regressor():
    names = list(FLOWERS)[:2]
    return to_onnx(LinearRegression().fit(MEASURES[:, :2], MEASURES[:, 2:]), MEASURES[:1, :2]), infer_signature(FLOWERS[names])


MODELS = {
    "price": price,
    # As scikit-learn's converter makes it where nothing else is said: with a ZipMap.
    "species": lambda: classifier(IRIS.target_names[IRIS.target], infer_signature(FLOWERS)),
    "odds": lambda: classifier(IRIS.target, infer_signature(FLOWERS), zipmap=False),
    "setosa": lambda: classifier(np.where(IRIS.target == 0, "setosa", "another"), infer_signature(FLOWERS)),
    "petals": regressor,
    "unnamed": lambda: classifier(IRIS.target, infer_signature(MEASURES), zipmap=False),
    "images": images,
    "pair": pair,
}

if "SAVE" in os.environ:
    for name, make in MODELS.items():
        model, signature = make()
        mlflow.onnx.save_model(model, os.path.join(os.environ["SAVE"], name, "1"), signature=signature)
    sys.exit(0)

OURS = os.environ["SERVING_URL"]


def start_oracle(model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", os.path.join(os.environ["SAVED"], model, "1"), "-p", str(port), "--env-manager", "local", "--workers", "1"]
    # With a path of its own: MLflow's server calls uvicorn by name.
    path = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    server = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "PATH": path})
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            http.get(url + "/ping")
            return server, url
        except http.ConnectionError:
            if server.poll() is not None:
                raise AssertionError(server.stderr.read().decode()[-3000:])
            time.sleep(0.1)
    raise AssertionError("mlflow models serve did not start within a minute")


ROW = {"sepal": 5.1, "count": 3, "width": 0.2}
ROWS = [ROW, {"sepal": 6.7, "count": -2, "width": 2.3}]
VALUES = [list(row.values()) for row in ROWS]
FRAME = pd.DataFrame(ROWS)
JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"


def parquet(frame):
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def one(**changes):
    return {"dataframe_records": [{**ROW, **changes}]}


def without(name):
    return [{k: v for k, v in ROW.items() if k != name}]


REQUESTS = {
    "records": (JSON, {"dataframe_records": ROWS}),
    "split": (JSON, {"dataframe_split": {"columns": NAMES, "data": VALUES}}),
    "split with an index": (JSON, {"dataframe_split": {"columns": NAMES, "index": [0, 1], "data": VALUES}}),
    "split in another order": (JSON, {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in VALUES]}}),
    "split with another key": (JSON, {"dataframe_split": {"columns": NAMES, "rows": VALUES}}),
    "split without columns": (JSON, {"dataframe_split": {"data": VALUES}}),
    "split without data": (JSON, {"dataframe_split": {"columns": NAMES}}),
    "split that is a list": (JSON, {"dataframe_split": VALUES}),
    "split with short rows": (JSON, {"dataframe_split": {"columns": NAMES, "data": [[1.0]]}}),
    "records that are an object": (JSON, {"dataframe_records": ROW}),
    "records that are numbers": (JSON, {"dataframe_records": [1, 2]}),
    "records that are text": (JSON, {"dataframe_records": "x"}),
    "no records": (JSON, {"dataframe_records": []}),
    "a column more": (JSON, one(more=1)),
    "a column less": (JSON, {"dataframe_records": without("sepal")}),
    "text for a double": (JSON, one(sepal="wide")),
    "digits for a double": (JSON, one(sepal="5.1")),
    "a whole number for a double": (JSON, one(sepal=5)),
    "a fraction for a long": (JSON, one(count=1.5)),
    "a whole fraction for a long": (JSON, b'{"dataframe_records": [{"sepal": 1.5, "count": 3.0, "width": 1.5}]}'),
    "truth for a double": (JSON, one(sepal=True)),
    "truth for a long": (JSON, one(count=True)),
    "null for a double": (JSON, one(sepal=None)),
    "null for a long": (JSON, one(count=None)),
    "NaN in the JSON": (JSON, b'{"dataframe_records": [{"sepal": NaN, "count": 3, "width": 0.2}]}'),
    "Infinity in the JSON": (JSON, b'{"dataframe_records": [{"sepal": Infinity, "count": 3, "width": 0.2}]}'),
    "a list for a double": (JSON, one(sepal=[1])),
    "instances as objects": (JSON, {"instances": ROWS}),
    "instances as lists": (JSON, {"instances": VALUES}),
    "instances as one object": (JSON, {"instances": ROW}),
    "inputs as columns": (JSON, {"inputs": {name: FRAME[name].tolist() for name in NAMES}}),
    "inputs as scalars": (JSON, {"inputs": ROW}),
    "inputs as rows": (JSON, {"inputs": ROWS}),
    "inputs as lists": (JSON, {"inputs": VALUES}),
    "inputs of unequal length": (JSON, {"inputs": {"sepal": [1.0], "count": [1, 2], "width": [1.0]}}),
    "inputs without a column": (JSON, {"inputs": {"sepal": [1.0]}}),
    "two forms": (JSON, {"dataframe_records": ROWS, "instances": ROWS}),
    "params": (JSON, {"dataframe_records": ROWS, "params": {}}),
    "unknown params": (JSON, {"dataframe_records": ROWS, "params": {"depth": 1}}),
    "params that are a list": (JSON, {"dataframe_records": ROWS, "params": [1]}),
    "no form": (JSON, {"rows": ROWS}),
    "an empty object": (JSON, {}),
    "a list": (JSON, []),
    "a list of rows": (JSON, ROWS),
    "null": (JSON, None),
    "a number": (JSON, 7),
    "half a JSON": (JSON, b'{"dataframe_records": ['),
    "an empty body": (JSON, b""),
    "no UTF-8": (JSON, b'{"dataframe_records": [{"\xff": 1}]}'),
    "JSON in UTF-8, said": (JSON + "; charset=utf-8", {"dataframe_records": ROWS}),
    "JSON in capitals": ("Application/JSON", {"dataframe_records": ROWS}),
    "JSON in Latin-1": (JSON + "; charset=latin-1", {"dataframe_records": ROWS}),
    "JSON with a parameter": (JSON + "; format=pandas-split", {"dataframe_records": ROWS}),
    "XML": ("text/xml", b"<rows/>"),
    "no type": (None, {"dataframe_records": ROWS}),
    "CSV": (CSV, FRAME.to_csv(index=False).encode()),
    "CSV in another order": (CSV, FRAME[NAMES[::-1]].to_csv(index=False).encode()),
    "CSV with quotes": (CSV, b'"sepal","count","width"\r\n"5.1","3","0.2"\r\n'),
    "CSV with a column less": (CSV, b"sepal,count\n5.1,3\n"),
    "CSV with a column more": (CSV, b"sepal,count,width,more\n5.1,3,0.2,x\n"),
    "CSV with text for a double": (CSV, b"sepal,count,width\nwide,3,0.2\n"),
    "CSV with a fraction for a long": (CSV, b"sepal,count,width\n5.1,3.5,0.2\n"),
    "CSV with an empty field": (CSV, b"sepal,count,width\n,3,0.2\n"),
    "CSV with a long line": (CSV, b"sepal,count,width\n5.1,3,0.2\n1,2,3,4,5\n"),
    "CSV with a header alone": (CSV, b"sepal,count,width\n"),
    "CSV, empty": (CSV, b""),
    "CSV in UTF-8, said": (CSV + "; charset=utf-8", FRAME.to_csv(index=False).encode()),
    "Parquet": (PARQUET, parquet(FRAME)),
    "Parquet with a column less": (PARQUET, parquet(FRAME[["sepal"]])),
    "Parquet with text": (PARQUET, parquet(FRAME.assign(sepal="wide"))),
    "Parquet that is none": (PARQUET, b"PAR1, not"),
    "Parquet, empty": (PARQUET, b""),
}

FLOWER_ROWS = FLOWERS.iloc[[0, 70, 120]].to_dict("records")
FLOWER_LISTS = [list(row.values()) for row in FLOWER_ROWS]


def by_columns(names):
    """One request of each form, for a model with a signature of these columns."""
    rows = [{name: row[name] for name in names} for row in FLOWER_ROWS]
    lists = [list(row.values()) for row in rows]
    frame = pd.DataFrame(rows)
    return {
        "records": (JSON, {"dataframe_records": rows}),
        "one record": (JSON, {"dataframe_records": rows[:1]}),
        "split": (JSON, {"dataframe_split": {"columns": names, "data": lists}}),
        "instances": (JSON, {"instances": rows}),
        "inputs": (JSON, {"inputs": frame.to_dict("list")}),
        "inputs as records": (JSON, {"inputs": rows}),
        "CSV": (CSV, frame.to_csv(index=False).encode()),
        "Parquet": (PARQUET, parquet(frame)),
        "params": (JSON, {"dataframe_records": rows, "params": {"depth": 1}}),
        "a column less": (JSON, {"dataframe_records": [{names[0]: 1.0}]}),
        "text for a double": (JSON, {"dataframe_records": [{**rows[0], names[0]: "wide"}]}),
    }


IMAGES = [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]
PAIR = {"a": [[1, 2], [3, 4]], "b": [[1], [2]]}
OTHERS = {
    "species": by_columns(list(FLOWERS)),
    "odds": by_columns(list(FLOWERS)),
    "setosa": by_columns(list(FLOWERS)),
    "petals": by_columns(list(FLOWERS)[:2]),
    "unnamed": {
        "inputs": (JSON, {"inputs": FLOWER_LISTS}),
        "instances": (JSON, {"instances": FLOWER_LISTS}),
        "inputs by name": (JSON, {"inputs": {"X": FLOWER_LISTS}}),
        "instances by name": (JSON, {"instances": [{"X": row} for row in FLOWER_LISTS]}),
        "one flower alone": (JSON, {"inputs": FLOWER_LISTS[0]}),
        "no flowers": (JSON, {"inputs": []}),
        "text": (JSON, {"inputs": [["a", "b", "c", "d"]]}),
        "split without columns": (JSON, {"dataframe_split": {"data": FLOWER_LISTS}}),
        "split": (JSON, {"dataframe_split": {"columns": list(FLOWERS), "data": FLOWER_LISTS}}),
    },
    "images": {
        "inputs": (JSON, {"inputs": IMAGES}),
        "instances": (JSON, {"instances": IMAGES}),
        "inputs by name": (JSON, {"inputs": {"x": IMAGES}}),
        "instances by name": (JSON, {"instances": [{"x": image} for image in IMAGES]}),
        "params": (JSON, {"inputs": IMAGES, "params": {"depth": 1}}),
        "another name beside": (JSON, {"inputs": {"x": IMAGES, "y": IMAGES}}),
        "another name": (JSON, {"inputs": {"y": IMAGES}}),
        "one image alone": (JSON, {"inputs": IMAGES[0]}),
        "ragged lists": (JSON, {"inputs": [[[1, 2], [3]]]}),
        "text": (JSON, {"inputs": [[["a", "b"], ["c", "d"]]]}),
        "digits": (JSON, {"inputs": [[["1", "2"], ["3", "4"]]]}),
        "null": (JSON, {"inputs": [[[None, 2], [3, 4]]]}),
        "truth": (JSON, {"inputs": [[[True, False], [True, True]]]}),
        "no images": (JSON, {"inputs": []}),
        "records": (JSON, {"dataframe_records": [{"x": 1}]}),
        "CSV": (CSV, b"x\n1\n"),
    },
    "pair": {
        "inputs": (JSON, {"inputs": PAIR}),
        "instances": (JSON, {"instances": [{"a": a, "b": b} for a, b in zip(PAIR["a"], PAIR["b"])]}),
        "a column without its dimension": (JSON, {"inputs": {**PAIR, "b": [1, 2]}}),
        "a fraction for a whole number": (JSON, {"inputs": {**PAIR, "b": [[1.5], [2]]}}),
        "a list": (JSON, {"inputs": PAIR["a"]}),
        "an input less": (JSON, {"inputs": {"a": PAIR["a"]}}),
        "an instance without an input": (JSON, {"instances": [{"a": [1, 2], "b": [1]}, {"a": [3, 4]}]}),
    },
}

DIFFERENT = json.load(open(os.path.join(os.path.dirname(__file__), "scoring-differences.json")))


def ask(url, model, kind, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Millrace-Model": model} if url == OURS else {}
    return http.post(url + "/invocations", data=data, headers=headers if kind is None else {**headers, "Content-Type": kind})


# What our answer is made of MLflow's, for the models of which scoring-differences.json says why it has another shape.
RESHAPED = {
    "price": lambda predictions: [row["variable"] for row in predictions],
    "setosa": lambda predictions: [{"label": row["output_label"], "probability": row["output_probability"]["setosa"]} for row in predictions],
    "petals": lambda predictions: [{"variable": [first["variable"], second["variable"]]} for first, second in zip(predictions[::2], predictions[1::2])],
}


def same(theirs, ours):
    """Shape, names and types alike, and numbers but for their last digits."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return list(theirs) == list(ours) and all(same(theirs[key], ours[key]) for key in theirs)
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(same(a, b) for a, b in zip(theirs, ours))
    if isinstance(theirs, bool) or isinstance(ours, bool) or not isinstance(theirs, (int, float)) or not isinstance(ours, (int, float)):
        return type(theirs) is type(ours) and theirs == ours
    return bool(np.isclose(theirs, ours, rtol=1e-5, atol=1e-7, equal_nan=True))


def differences(model, requests):
    """What is answered otherwise than MLflow answers it, but for what is named."""
    server, url = start_oracle(model)
    found = []
    try:
        for request, (kind, body) in requests.items():
            name = request if model == "price" else f"{model}: {request}"
            theirs, ours = ask(url, model, kind, body), ask(OURS, model, kind, body)
            said = DIFFERENT["status"].get(name)
            expected = said or {"mlflow": theirs.status_code, "millrace": theirs.status_code}
            assert ours.status_code < 500, (name, ours.text)
            if (theirs.status_code, ours.status_code) != (expected["mlflow"], expected["millrace"]) or (said and theirs.status_code == ours.status_code):
                found.append(f"{name}: MLflow {theirs.status_code} {theirs.text[:200]!r}, Millrace {ours.status_code} {ours.text[:200]!r}")
            elif theirs.status_code == ours.status_code == 200:
                a, b = theirs.json()["predictions"], ours.json()["predictions"]
                reshape = RESHAPED[model] if model in DIFFERENT["shape"] else lambda predictions: predictions
                if not same(reshape(a), b) or (model in DIFFERENT["shape"] and len(a) > 0 and same(a, b)):
                    found.append(f"{name}: MLflow {a}, Millrace {b}")
            elif theirs.status_code == ours.status_code == 400 and not {"error_code", "message"} <= set(ours.json()):
                found.append(f"{name}: {ours.text}")
            elif theirs.status_code == ours.status_code == 415 and theirs.headers["content-type"].split(";")[0] != ours.headers["content-type"].split(";")[0]:
                found.append(f"{name}: {ours.headers['content-type']}")
        if model == "price":
            found += health(url)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
    return found


def health(url):
    found = []
    for path in ("/ping", "/health"):
        theirs, ours = http.get(url + path), http.get(OURS + path)
        if (theirs.status_code, theirs.content) != (ours.status_code, ours.content):
            found.append(f"{path}: MLflow {theirs.content}, Millrace {ours.content}")
    theirs, ours = http.get(url + "/version"), http.get(OURS + "/version")
    return found if theirs.status_code == ours.status_code == 200 else [*found, "/version"]


ALL = {"price": REQUESTS, **OTHERS}


def check_the_differences_are_of_requests_and_models_that_there_are():
    names = {request if model == "price" else f"{model}: {request}" for model, requests in ALL.items() for request in requests}
    assert set(DIFFERENT["status"]) <= names, set(DIFFERENT["status"]) - names
    assert set(DIFFERENT["shape"]) == set(RESHAPED) <= set(ALL)


def checking(model, requests):
    def check():
        found = differences(model, requests)
        assert not found, "\n" + "\n".join(found)

    check.__doc__ = f"{model}: every request is answered as MLflow answers it, but for the differences named"
    return check


for model, requests in ALL.items():
    globals()[f"check_{model}"] = checking(model, requests)

checks.run(sys.modules[__name__])
