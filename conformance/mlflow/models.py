"""Whole models: log_model, load_model, register, autolog, logged models, evaluate."""

import sys

import checks
import mlflow
import mlflow.sklearn
import numpy as np
from sklearn.linear_model import LogisticRegression

client = mlflow.MlflowClient()
generator = np.random.default_rng(0)
X = generator.normal(size=(200, 3))
y = (X[:, 0] + generator.normal(size=200) > 0).astype(int)


def check_sklearn():
    """log_model, register it, load it by run, version and alias, and predict the same"""
    with mlflow.start_run() as run:
        model = LogisticRegression().fit(X, y)
        info = mlflow.sklearn.log_model(model, name="model", input_example=X[:2], registered_model_name="iris")
    assert run.info.run_id
    version = client.search_model_versions("name = 'iris'")[0]
    assert int(version.version) == 1 and version.run_id == run.info.run_id, version
    client.set_registered_model_alias("iris", "champion", version.version)
    for uri in [info.model_uri, "models:/iris/1", "models:/iris@champion"]:
        assert (mlflow.pyfunc.load_model(uri).predict(X) == model.predict(X)).all(), uri
    assert (mlflow.sklearn.load_model("models:/iris/1").predict_proba(X) == model.predict_proba(X)).all()


def check_logged_models():
    """logged models are read, searched, tagged and finalised"""
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(LogisticRegression().fit(X, y), name="searched", params={"p": "1"})
        mlflow.log_metric("auc", 0.8, model_id=info.model_id)
    model = mlflow.get_logged_model(info.model_id)
    assert model.status.value == "READY" and model.params["p"] == "1", model
    assert [(m.key, m.value) for m in model.metrics] == [("auc", 0.8)]
    mlflow.set_logged_model_tags(info.model_id, {"k": "v"})
    assert mlflow.get_logged_model(info.model_id).tags["k"] == "v"
    mlflow.delete_logged_model_tag(info.model_id, "k")
    find = lambda text, **more: [m.model_id for m in mlflow.search_logged_models(filter_string=text, output_format="list", **more)]
    assert find("name = 'searched'") == [info.model_id]
    assert find("metrics.auc > 0.7 and params.p = '1'") == [info.model_id]
    assert find("metrics.auc > 0.9") == []
    assert find("", order_by=[{"field_name": "metrics.auc", "ascending": False}])[0] == info.model_id


def check_autolog():
    """autolog logs what it sees, and a search finds the best run"""
    mlflow.sklearn.autolog(log_models=False)
    try:
        for c in [0.01, 1.0]:
            with mlflow.start_run(run_name=f"auto {c}"):
                LogisticRegression(C=c).fit(X, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    runs = client.search_runs(["0"], "attributes.run_name LIKE 'auto%'", order_by=["metrics.training_accuracy_score DESC"])
    assert len(runs) == 2 and all("training_log_loss" in run.data.metrics and "C" in run.data.params for run in runs)


def check_pyfunc():
    """a Python function is logged as a model"""

    class Twice(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [2 * value for value in model_input]

    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="twice", python_model=Twice())
    assert mlflow.pyfunc.load_model(info.model_uri).predict([1, 2]) == [2, 4]


def check_evaluate():
    """evaluate logs metrics, tables and plots"""
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=y)
    model = LogisticRegression().fit(frame[["a", "b", "c"]], y)
    frame["prediction"] = model.predict(frame[["a", "b", "c"]])
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(data=frame, targets="label", predictions="prediction", model_type="classifier")
    assert abs(client.get_run(run.info.run_id).data.metrics["accuracy_score"] - result.metrics["accuracy_score"]) < 1e-12


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
