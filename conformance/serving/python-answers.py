"""Python models that answer other than a number for each row, and one that is asked with parameters: what MLflow's own scoring server says of them, through every protocol."""

import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import mlflow
import numpy as np
import pandas as pd
import requests as http
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression

import checks

IRIS = load_iris()
X = pd.DataFrame(IRIS.data, columns=["sepal_length", "sepal_width", "petal_length", "petal_width"])
ASKED = X.iloc[[0, 50, 70, 100, 120]]
RECORDS = ASKED.to_dict("records")


class Shapes(mlflow.pyfunc.PythonModel):
    """Answers in the form that its parameter names."""

    def predict(self, context, model_input, params=None):
        form, factor = params["form"], params["factor"]
        lengths = model_input["sepal_length"]
        if form == "numbers":
            return (lengths * factor).tolist()
        if form == "table":
            return pd.DataFrame({"scaled": lengths * factor, "name": [f"{x:.1f}" for x in lengths]})
        if form == "whole":
            return {"total": float(lengths.sum() * factor), "rows": len(lengths)}
        return [[factor] * (1 + i) for i in range(len(lengths))]


PARAMS = {"form": "numbers", "factor": 2.0}
FORMS = ("numbers", "table", "whole", "ragged")


def spoken(predictions):
    text = io.StringIO()
    predictions_to_json(predictions, text)
    return json.loads(text.getvalue())["predictions"]


if "TRACKING" in os.environ:
    mlflow.set_tracking_uri(os.environ["TRACKING"])
    mlflow.set_experiment("answers")
    species = LogisticRegression(max_iter=2000).fit(X, IRIS.target_names[IRIS.target])
    petals = LinearRegression().fit(X.iloc[:, :2], X.iloc[:, 2:])
    pickled = {"serialization_format": mlflow.sklearn.SERIALIZATION_FORMAT_CLOUDPICKLE}
    with mlflow.start_run():
        # The first with an example, the others without: what they answer is then learnt otherwise.
        mlflow.sklearn.log_model(species, name="species", signature=infer_signature(X), input_example=X.iloc[:1], registered_model_name="species", **pickled)
        mlflow.sklearn.log_model(species, name="odds", signature=infer_signature(X), registered_model_name="odds", pyfunc_predict_fn="predict_proba", **pickled)
        mlflow.sklearn.log_model(petals, name="petals", signature=infer_signature(X.iloc[:, :2]), registered_model_name="petals", **pickled)
        mlflow.pyfunc.log_model(python_model=Shapes(), name="shapes", signature=infer_signature(X[["sepal_length"]], params=PARAMS), registered_model_name="shapes")
    expected = {}
    for name in ("species", "odds", "petals", "shapes"):
        mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")
        loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
        if name == "shapes":
            for form in FORMS:
                expected[form] = spoken(loaded.predict(ASKED, params={"form": form, "factor": 3.0}))
        else:
            expected[name] = spoken(loaded.predict(ASKED))
    print(json.dumps({"expected": expected}))
    sys.exit(0)

OURS = os.environ["SERVING_URL"]
EXPECTED = json.loads(os.environ["EXPECTED"])


def post(path, model, body, status=200, **headers):
    answer = http.post(OURS + path, json=body, headers={"X-Millrace-Model": model, **headers}, timeout=60)
    assert answer.status_code == status, (answer.status_code, answer.text)
    return answer.json()


def columns(names=list(X)):
    return [{"name": name, "shape": [len(ASKED)], "datatype": "FP64", "data": ASKED[name].tolist()} for name in names]


def journal(request):
    text = http.get(OURS + "/journal", params={"limit": 16 * 1024 * 1024}).text
    return [line for line in map(json.loads, text.splitlines()) if line["id"] == request]


def check_classes_of_text_probabilities_and_several_numbers_are_passed_on_as_mlflow_gives_them():
    for name in ("species", "odds", "petals"):
        assert post("/invocations", name, {"dataframe_records": RECORDS})["predictions"] == EXPECTED[name], name
        assert post("/invocations", name, {"inputs": ASKED.to_dict("list")})["predictions"] == EXPECTED[name], name
        assert post(f"/v1/models/{name}:predict", name, {"instances": RECORDS})["predictions"] == EXPECTED[name], name


def check_the_open_inference_protocol_gives_them_as_tensors_and_the_metadata_say_so():
    for name, datatype, shape in (("species", "BYTES", []), ("odds", "FP64", [3]), ("petals", "FP64", [2])):
        (output,) = post(f"/v2/models/{name}/infer", name, {"inputs": columns()})["outputs"]
        assert (output["name"], output["datatype"], output["shape"]) == ("prediction", datatype, [len(ASKED), *shape]), output
        assert output["data"] == np.array(EXPECTED[name]).ravel().tolist(), output
        (described,) = http.get(f"{OURS}/v2/models/{name}").json()["outputs"]
        assert described == {"name": "prediction", "datatype": datatype, "shape": [-1, *shape]}, described


def check_what_is_no_number_is_in_the_journal_as_outputs():
    post("/invocations", "odds", {"dataframe_records": RECORDS[:2]}, **{"X-Request-Id": "odds-1"})
    lines = journal("odds-1")
    assert [line["row"] for line in lines] == [0, 1] and not any("score" in line for line in lines), lines
    assert [line["tensors"]["outputs"] for line in lines] == [{"prediction": {"datatype": "FP64", "shape": [1, 3], "data": row}} for row in EXPECTED["odds"][:2]], lines


def check_parameters_reach_the_model_whatever_the_form_that_it_then_answers_in():
    for form in FORMS:
        body = {"dataframe_records": RECORDS, "params": {"form": form, "factor": 3.0}}
        assert post("/invocations", "shapes", body)["predictions"] == EXPECTED[form], form
    assert post("/invocations", "shapes", {"dataframe_records": RECORDS})["predictions"] == [row["sepal_length"] * 2 for row in RECORDS]


def check_requests_with_other_parameters_that_come_together_get_each_its_own():
    def ask(i):
        form = FORMS[i % 2] if i < 60 else FORMS[i % 4]
        rows = RECORDS[: 1 + i % 3]
        return form, i, rows, post("/invocations", "shapes", {"dataframe_records": rows, "params": {"form": form, "factor": float(i)}})["predictions"]

    with ThreadPoolExecutor(24) as pool:
        for form, i, rows, found in pool.map(ask, range(120)):
            lengths = [row["sepal_length"] for row in rows]
            if form == "numbers":
                assert np.allclose(found, [x * i for x in lengths]), (i, found)
            elif form == "table":
                assert np.allclose([row["scaled"] for row in found], [x * i for x in lengths]), (i, found)
            elif form == "whole":
                assert found["rows"] == len(rows) and np.isclose(found["total"], sum(lengths) * i), (i, found)
            else:
                assert found == [[i] * (1 + row) for row in range(len(rows))], (i, found)


def check_parameters_of_another_type_are_refused_with_mlflows_words():
    assert "factor" in post("/invocations", "shapes", {"dataframe_records": RECORDS, "params": {"factor": "much"}}, 400)["message"]


checks.run(sys.modules[__name__])
