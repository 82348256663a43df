"""The rest of the fluent API: images, figures, tables, system metrics, autologging of LightGBM, data sets, evaluation, resumption, events of models."""

import json
import os
import pathlib
import sys
import threading
import time

import checks
import mlflow
import numpy as np
import pandas as pd

client = mlflow.MlflowClient()
folder = pathlib.Path(os.environ["CHECK_FOLDER"])
mlflow.set_experiment("fluent rest")
generator = np.random.default_rng(1)
frame = pd.DataFrame(generator.normal(size=(300, 3)), columns=["a", "b", "c"])
frame["label"] = (frame.a + generator.normal(size=300) / 2 > 0).astype(int)


def files(run_id, path=None):
    found = []
    for item in client.list_artifacts(run_id, path):
        found += files(run_id, item.path) if item.is_dir else [item.path]
    return found


def check_images():
    """log_image keeps single images, and series by key and step with their thumbnails"""
    from PIL import Image

    with mlflow.start_run() as run:
        mlflow.log_image(np.full((8, 6, 3), 200, dtype=np.uint8), "one.png")
        mlflow.log_image(Image.new("RGB", (5, 5), "red"), "two/pil.jpg")
        for step in range(3):
            mlflow.log_image(np.full((8, 8), step * 80, dtype=np.uint8), key="dogs", step=step, timestamp=1000 + step)
        mlflow.flush_artifact_async_logging()
    listed = files(run.info.run_id)
    assert "one.png" in listed and "two/pil.jpg" in listed, listed
    series = [path for path in listed if path.startswith("images/dogs")]
    assert len(series) == 6 and sum("compressed" in path for path in series) == 3, series
    assert mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/one.png").size == (6, 8)


def check_figures():
    """log_figure keeps figures of Matplotlib"""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plot

    figure, axes = plot.subplots()
    axes.plot([0, 1], [2, 3])
    with mlflow.start_run() as run:
        mlflow.log_figure(figure, "figure.png")
        mlflow.log_figure(figure, "deep/figure.svg")
    assert sorted(files(run.info.run_id)) == ["deep/figure.svg", "figure.png"]
    path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep/figure.svg", dst_path=str(folder))
    assert "<svg" in pathlib.Path(path).read_text()


def check_tables():
    """log_table takes frames and dicts, and load_table joins the tables of several runs with their tags"""
    ids = []
    for i in range(2):
        with mlflow.start_run(tags={"who": f"run {i}"}) as run:
            mlflow.log_table(pd.DataFrame({"q": ["x", "y"], "n": [i, i + 1]}), "eval/table.json")
            mlflow.log_table({"q": ["z"], "n": [9]}, "eval/table.json")
            ids.append(run.info.run_id)
    table = mlflow.load_table("eval/table.json", run_ids=ids, extra_columns=["run_id"])
    assert len(table) == 6 and set(table.run_id) == set(ids)
    assert json.loads(client.get_run(ids[0]).data.tags["mlflow.loggedArtifacts"]) == [{"path": "eval/table.json", "type": "table"}]


def check_system_metrics():
    """system metrics are sampled while a run goes on"""
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    try:
        with mlflow.start_run(log_system_metrics=True) as run:
            time.sleep(2)
    finally:
        mlflow.set_system_metrics_sampling_interval(None)
        mlflow.set_system_metrics_samples_before_logging(None)
    metrics = client.get_run(run.info.run_id).data.metrics
    assert "system/cpu_utilization_percentage" in metrics and "system/system_memory_usage_megabytes" in metrics, metrics
    assert len(client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")) >= 2


def check_lightgbm():
    """autolog of LightGBM logs parameters, each round's metrics, importances and the model"""
    import lightgbm as lgb

    mlflow.lightgbm.autolog(log_input_examples=True, log_model_signatures=True)
    try:
        data = lgb.Dataset(frame[["a", "b", "c"]], label=frame.label)
        with mlflow.start_run() as run:
            booster = lgb.train({"objective": "binary", "verbosity": -1, "num_leaves": 7}, data, num_boost_round=12, valid_sets=[data], valid_names=["train"])
    finally:
        mlflow.lightgbm.autolog(disable=True)
    read = client.get_run(run.info.run_id)
    assert read.data.params["num_leaves"] == "7" and "train-binary_logloss" in read.data.metrics, read.data
    assert len(client.get_metric_history(run.info.run_id, "train-binary_logloss")) == 12
    assert any("feature_importance" in path for path in files(run.info.run_id))
    assert [use.dataset.name for use in read.inputs.dataset_inputs], read.inputs
    model_id = read.outputs.model_outputs[0].model_id
    loaded = mlflow.lightgbm.load_model(f"models:/{model_id}")
    assert np.allclose(loaded.predict(frame[["a", "b", "c"]]), booster.predict(frame[["a", "b", "c"]]))
    assert mlflow.models.get_model_info(f"models:/{model_id}").signature.inputs.input_names() == ["a", "b", "c"]


def check_sklearn_search():
    """autolog of a grid search makes one child run for each candidate and a model of the best"""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    mlflow.sklearn.autolog(max_tuning_runs=None)
    try:
        with mlflow.start_run() as run:
            GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=3).fit(frame[["a", "b", "c"]], frame.label)
    finally:
        mlflow.sklearn.autolog(disable=True)
    children = mlflow.search_runs(experiment_names=["fluent rest"], filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'", output_format="list")
    assert sorted(child.data.params["C"] for child in children) == ["0.1", "1.0", "10.0"], children
    parent = client.get_run(run.info.run_id)
    assert "best_cv_score" in parent.data.metrics and "best_C" in parent.data.params and len(parent.outputs.model_outputs) >= 1


def check_evaluate_model():
    """evaluate runs a logged model on a data set and logs metrics, curves and the data set"""
    from sklearn.linear_model import LogisticRegression

    with mlflow.start_run():
        model = mlflow.sklearn.log_model(LogisticRegression().fit(frame[["a", "b", "c"]], frame.label), name="clf", input_example=frame[["a", "b", "c"]][:2])
    data = mlflow.data.from_pandas(frame, name="held out", targets="label")
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(model.model_uri, data, model_type="classifier", evaluator_config={"log_model_explainability": False})
    read = client.get_run(run.info.run_id)
    assert abs(read.data.metrics["roc_auc"] - result.metrics["roc_auc"]) < 1e-12
    assert any(path.endswith("roc_curve_plot.png") for path in files(run.info.run_id)), files(run.info.run_id)
    assert [use.dataset.name for use in read.inputs.dataset_inputs] == ["held out"]
    logged = mlflow.get_logged_model(model.model_id)
    assert {(m.key, m.dataset_name) for m in logged.metrics} >= {("roc_auc", "held out")}, logged.metrics
    best = mlflow.search_logged_models(experiment_ids=[read.info.experiment_id], filter_string="metrics.roc_auc > 0.5", datasets=[{"dataset_name": "held out"}], output_format="list")
    assert [m.model_id for m in best] == [model.model_id]


def check_code_models():
    """models are logged as code, with parts, and loaded by pyfunc with parameters"""
    class Scale(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            self.factor = float(pathlib.Path(context.artifacts["factor"]).read_text())

        def predict(self, context, model_input, params=None):
            return model_input["x"] * self.factor * (params or {}).get("times", 1)

    (folder / "factor.txt").write_text("2.5")
    signature = mlflow.models.infer_signature(pd.DataFrame({"x": [1.0]}), np.array([2.5]), {"times": 1})
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="scale", python_model=Scale(), artifacts={"factor": str(folder / "factor.txt")}, signature=signature, registered_model_name="scale")
    loaded = mlflow.pyfunc.load_model("models:/scale/1")
    assert list(loaded.predict(pd.DataFrame({"x": [1.0, 2.0]}), params={"times": 2})) == [5.0, 10.0]
    assert client.get_model_version("scale", "1").source == f"models:/{info.model_id}"


def check_threads():
    """eight threads log into one run at once, and nothing is lost"""
    run_id = client.create_run(client.get_experiment_by_name("fluent rest").experiment_id).info.run_id

    def work(i):
        for step in range(40):
            client.log_metric(run_id, f"m{i % 2}", i * 1000 + step, step=i * 1000 + step)
            client.set_tag(run_id, f"t{i}", step)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(client.get_metric_history(run_id, key)) for key in ["m0", "m1"]) == 320
    read = client.get_run(run_id)
    assert all(read.data.tags[f"t{i}"] == "39" for i in range(8)) and read.data.metrics["m1"] == 7039


def check_resumption():
    """a run that was ended is taken up again, with its old values, and a failed one can be finished"""
    with mlflow.start_run(run_name="again") as run:
        mlflow.log_metric("loss", 1, step=0)
    client.set_terminated(run.info.run_id, "FAILED")
    with mlflow.start_run(run_id=run.info.run_id) as again:
        assert again.info.status == "RUNNING"
        mlflow.log_metric("loss", 0.5, step=1)
    read = client.get_run(run.info.run_id)
    assert read.info.status == "FINISHED" and read.info.run_name == "again" and read.data.metrics["loss"] == 0.5


def check_last():
    """last_active_run, get_artifact_uri, delete_tag and environment variables"""
    os.environ["MLFLOW_RUN_CONTEXT"] = json.dumps({})
    with mlflow.start_run() as run:
        mlflow.set_tag("a", "b")
        mlflow.delete_tag("a")
        assert mlflow.get_artifact_uri("x/y") == f"{run.info.artifact_uri}/x/y"
    assert mlflow.last_active_run().info.run_id == run.info.run_id
    assert "a" not in mlflow.get_run(run.info.run_id).data.tags
    mlflow.delete_run(run.info.run_id)
    assert mlflow.get_run(run.info.run_id).info.lifecycle_stage == "deleted"


def check_prompts():
    """prompts are registered, versioned, aliased, searched and loaded"""
    mlflow.genai.register_prompt(name="greet", template="Hello {{name}}!", commit_message="first", tags={"lang": "en"})
    mlflow.genai.register_prompt(name="greet", template="Hi {{name}}!", commit_message="second")
    mlflow.genai.set_prompt_alias("greet", alias="live", version=2)
    assert mlflow.genai.load_prompt("prompts:/greet/1").format(name="Ada") == "Hello Ada!"
    assert mlflow.genai.load_prompt("prompts:/greet@live").template == "Hi {{name}}!"
    assert [p.name for p in mlflow.genai.search_prompts(filter_string="name = 'greet'")] == ["greet"]
    assert "greet" not in [m.name for m in client.search_registered_models()]


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
