"""The mlflow command: experiments, runs, artifacts, models."""

import json
import os
import pathlib
import subprocess
import sys

import checks
import mlflow

client = mlflow.MlflowClient()
folder = pathlib.Path(os.environ["CHECK_FOLDER"])


def run(*arguments, status=0):
    done = subprocess.run([pathlib.Path(sys.executable).parent / "mlflow", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check_experiments():
    """mlflow experiments create, search, delete"""
    made = run("experiments", "create", "-n", "by command")
    experiment = made.strip().split()[-1]
    assert client.get_experiment(experiment).name == "by command", made
    assert "by command" in run("experiments", "search", "--view", "active_only")
    run("experiments", "delete", "-x", experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"


def check_runs():
    """mlflow runs list, describe, delete"""
    experiment = client.create_experiment("runs by command")
    run_id = client.create_run(experiment, run_name="made", tags={"a": "b"}).info.run_id
    assert run_id in run("runs", "list", "--experiment-id", experiment)
    assert json.loads(run("runs", "describe", "--run-id", run_id))["info"]["run_name"] == "made"
    run("runs", "delete", "--run-id", run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"


def check_artifacts():
    """mlflow artifacts log-artifacts, list and download"""
    run_id = client.create_run("0").info.run_id
    (folder / "many" / "deep").mkdir(parents=True)
    (folder / "many" / "deep" / "two.txt").write_text("two")
    run("artifacts", "log-artifacts", "-l", str(folder / "many"), "-r", run_id)
    assert [item["path"] for item in json.loads(run("artifacts", "list", "-r", run_id))] == ["deep"]
    out = run("artifacts", "download", "-r", run_id, "-a", "deep", "-d", str(folder / "down")).strip().splitlines()[-1]
    assert (pathlib.Path(out) / "two.txt").read_text() == "two"


def check_models():
    """mlflow models predict with a registered model"""
    from sklearn.linear_model import LinearRegression

    with mlflow.start_run():
        mlflow.sklearn.log_model(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), name="line", registered_model_name="line")
    client.set_registered_model_alias("line", "champion", 1)
    (folder / "in.csv").write_text("x\n3\n4\n")
    run("models", "predict", "-m", "models:/line@champion", "-i", str(folder / "in.csv"), "-t", "csv", "-o", str(folder / "out.json"), "--env-manager", "local")
    assert [round(value, 6) for value in json.loads((folder / "out.json").read_text())["predictions"]] == [6.0, 8.0]


def check_traces():
    """mlflow traces search"""
    experiment = client.create_experiment("traces by command")
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_span("commanded") as span:
        span.set_inputs({"a": 1})
    mlflow.flush_trace_async_logging()
    assert span.trace_id in run("traces", "search", "--experiment-id", experiment, "--output", "json")


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
