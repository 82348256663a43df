"""The same requests to `mlflow models serve` and to Millrace: the same status, the same shape, the same numbers.

DIFFERENT names each request that is answered otherwise on purpose, and why; docs/serving.md says it to users."""

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
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

import checks

NAMES = ["sepal", "count", "width"]


def save(folder):
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
    mlflow.onnx.save_model(model, folder, signature=ModelSignature(inputs=inputs, outputs=Schema([ColSpec(DataType.double, "variable")])))


if "SAVE" in os.environ:
    save(os.environ["SAVE"])
    sys.exit(0)

OURS = os.environ["SERVING_URL"]


def start_oracle():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", os.environ["SAVED"], "-p", str(port), "--env-manager", "local", "--workers", "1"]
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

DIFFERENT = json.load(open(os.path.join(os.path.dirname(__file__), "scoring-differences.json")))
SERVER, THEIRS = start_oracle()


def ask(url, kind, body):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.post(url + "/invocations", data=data, headers={} if kind is None else {"Content-Type": kind})


def numbers(answer):
    predictions = answer.json()["predictions"]
    return [p["variable"] if isinstance(p, dict) else p for p in predictions]


def check_every_request_is_answered_as_mlflow_answers_it_but_for_the_differences_named():
    found = []
    for name, (kind, body) in REQUESTS.items():
        theirs, ours = ask(THEIRS, kind, body), ask(OURS, kind, body)
        expected = DIFFERENT.get(name, {"mlflow": theirs.status_code, "millrace": theirs.status_code})
        assert ours.status_code < 500, (name, ours.text)
        if (theirs.status_code, ours.status_code) != (expected["mlflow"], expected["millrace"]) or (name in DIFFERENT and theirs.status_code == ours.status_code):
            found.append(f"{name}: MLflow {theirs.status_code} {theirs.text[:200]!r}, Millrace {ours.status_code} {ours.text[:200]!r}")
        elif theirs.status_code == ours.status_code == 200:
            a, b = numbers(theirs), numbers(ours)
            if len(a) != len(b) or not np.allclose(np.array(a, float), np.array(b, float), rtol=1e-6, equal_nan=True):
                found.append(f"{name}: MLflow {a}, Millrace {b}")
        elif theirs.status_code == ours.status_code == 400 and not {"error_code", "message"} <= set(ours.json()):
            found.append(f"{name}: {ours.text}")
        elif theirs.status_code == ours.status_code == 415 and theirs.headers["content-type"].split(";")[0] != ours.headers["content-type"].split(";")[0]:
            found.append(f"{name}: {ours.headers['content-type']}")
    assert set(DIFFERENT) <= set(REQUESTS)
    assert not found, "\n" + "\n".join(found)


def check_health_and_version_are_answered_as_mlflow_does():
    for path in ("/ping", "/health"):
        theirs, ours = http.get(THEIRS + path), http.get(OURS + path)
        assert (theirs.status_code, theirs.content) == (ours.status_code, ours.content), (theirs, ours)
    theirs, ours = http.get(THEIRS + "/version"), http.get(OURS + "/version")
    assert theirs.status_code == ours.status_code == 200


try:
    checks.run(sys.modules[__name__])
finally:
    os.killpg(SERVER.pid, signal.SIGKILL)
