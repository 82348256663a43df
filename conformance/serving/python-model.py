"""A scikit-learn model logged as MLflow logs it, served by Millrace beside serving: the same numbers as MLflow's own pyfunc, through every protocol; and its process killed under requests."""

import json
import os
import signal
import sys
import threading
import time

import mlflow
import numpy as np
import pandas as pd
import requests as http
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import checks

random = np.random.default_rng(7)
X = pd.DataFrame({"distance": random.uniform(0, 3000, 200), "seats": random.integers(20, 300, 200), "carrier": random.choice(["AA", "UA", "DL"], 200)})
y = X.distance * 0.01 + X.seats * 0.1 + (X.carrier == "AA") * 7

if "TRACKING" in os.environ:
    mlflow.set_tracking_uri(os.environ["TRACKING"])
    mlflow.set_experiment("python models")
    model = make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["carrier"]), remainder="passthrough"), RandomForestRegressor(20, random_state=0)).fit(X, y)
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(model, name="model", signature=infer_signature(X, model.predict(X)), input_example=X.iloc[:2], registered_model_name="price", serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE)
    mlflow.MlflowClient().set_registered_model_alias("price", "champion", info.registered_model_version)
    loaded = mlflow.pyfunc.load_model("models:/price@champion")
    print(json.dumps({"expected": loaded.predict(X).tolist()}))
    sys.exit(0)

OURS = os.environ["SERVING_URL"]
EXPECTED = json.loads(os.environ["EXPECTED"])
RECORDS = X.to_dict("records")


def post(path, body, **options):
    return http.post(OURS + path, timeout=60, **({"json": body} if options == {} else {"data": body, **options}))


def same(answer, pick):
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(pick(answer.json()), EXPECTED)


def check_every_protocol_gives_the_numbers_of_pyfunc():
    split = {"columns": list(X), "data": X.values.tolist()}
    for body in ({"dataframe_records": RECORDS}, {"dataframe_split": split}, {"instances": RECORDS}, {"inputs": X.to_dict("list")}):
        same(post("/invocations", body), lambda answer: answer["predictions"])
    same(post("/invocations", X.to_csv(index=False), headers={"content-type": "text/csv"}), lambda answer: answer["predictions"])
    same(post("/v1/models/price:predict", {"instances": RECORDS}), lambda answer: answer["predictions"])
    types = {"distance": "FP64", "seats": "INT64", "carrier": "BYTES"}
    tensors = [{"name": name, "shape": [len(X)], "datatype": datatype, "data": X[name].tolist()} for name, datatype in types.items()]
    same(post("/v2/models/price/infer", {"inputs": tensors}), lambda answer: answer["outputs"][0]["data"])


def check_the_signature_is_held_before_python_is_asked():
    for row, reason in (({"distance": 1.0, "seats": 2}, "carrier is missing"), ({"distance": "far", "seats": 2, "carrier": "AA"}, "distance")):
        answer = post("/invocations", {"dataframe_records": [row]})
        assert answer.status_code == 400 and reason in answer.text, answer.text


def check_the_metadata_says_what_runs_it():
    metadata = http.get(OURS + "/v2/models/price").json()
    assert metadata["platform"] == "mlflow_pyfunc", metadata


def check_the_examples_of_the_document_are_answered():
    paths = http.get(OURS + "/docs/json").json()["paths"]
    sent = 0
    for path in ("/v2/models/price/infer", "/v1/models/price:predict", "/invocations"):
        for kind, described in paths[path]["post"]["requestBody"]["content"].items():
            for example in described.get("examples", {}).values():
                value = example["value"]
                answer = http.post(OURS + path, data=value if isinstance(value, str) else json.dumps(value), headers={"content-type": kind})
                assert answer.status_code == 200, (path, value, answer.text)
                sent += 1
    assert sent == 7, sent


def check_predictions_are_in_the_journal_as_they_came():
    http.post(OURS + "/invocations", json={"dataframe_records": RECORDS[:2]}, headers={"x-request-id": "python-1"}).raise_for_status()
    text = http.get(OURS + os.environ["JOURNAL"], params={"limit": 16 * 1024 * 1024}).text
    lines = [json.loads(line) for line in text.splitlines() if '"id":"python-1"' in line]
    assert [(line["row"], line["score"], line["inputs"]) for line in lines] == [(row, EXPECTED[row], RECORDS[row]) for row in (0, 1)], lines


def check_the_memory_of_its_process_is_counted():
    lines = http.get(OURS + "/metrics").text.splitlines()
    sizes = [line for line in lines if line.startswith("model_version_bytes{") and 'model="price"' in line and 'place="process"' in line]
    assert len(sizes) == 1 and 64 << 20 < float(sizes[0].split()[-1]) < 2 << 30, sizes
    total = next(float(line.split()[-1]) for line in lines if line.startswith("model_cache_bytes"))
    assert total >= float(sizes[0].split()[-1]) * 0.9, (total, sizes)


def check_killed_under_requests_it_says_so_and_comes_back():
    statuses = []
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            answer = post("/invocations", {"dataframe_records": RECORDS[:3]})
            statuses.append((answer.status_code, answer.text))

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    time.sleep(0.5)
    found = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_side_process(pid)]
    assert len(found) == 1, found
    os.kill(found[0], signal.SIGKILL)
    deadline = time.time() + 90
    seen_error = False
    while time.time() < deadline:
        time.sleep(0.2)
        seen_error = seen_error or any(status != 200 for status, _ in statuses)
        if seen_error and statuses[-1][0] == 200:
            break
    stop.set()
    for asker in askers:
        asker.join()
    failed = [answer for answer in statuses if answer[0] != 200]
    assert failed and statuses[-1][0] == 200, (len(statuses), failed[:1])
    for status, text in failed:
        assert status == 503 and "Python process of price version 1 does not answer" in text, (status, text)
    np.testing.assert_array_equal(post("/invocations", {"dataframe_records": RECORDS}).json()["predictions"], EXPECTED)


def is_side_process(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return "scoring_server" in file.read() and f"/{os.environ['MARK']}/" in open(f"/proc/{pid}/cmdline").read()
    except OSError:
        return False


checks.run(sys.modules[__name__])
