"""make: fills the server at MLFLOW_TRACKING_URI with a bit of everything. describe: prints what the Python client sees there, as JSON.

With `describe names`, ids that a server chooses are replaced by the names of what they mean, so that two servers can be compared."""

import hashlib
import json
import math
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import mlflow
import numpy
import pandas
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

client = MlflowClient()
LONG = 10_000


def make():
    experiment = client.create_experiment("flüge ✈", tags={"team": "data", "note": "a'b\"c %"})
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="parent ü") as parent:
        mlflow.log_params({"alpha": 0.1, "text": "x" * 5000, "unicode/key": "日本語 ☂"})
        mlflow.set_tags({"mlflow.note.content": "# Heading", "quote": "it's", "empty": ""})
        for value in (1.0, math.nan, math.inf, -math.inf, -0.0, 1e-300):
            mlflow.log_metric("odd values", value, step=int(abs(value)) if math.isfinite(value) else 7)
        client.log_batch(parent.info.run_id, metrics=[Metric("loss/train", math.sin(i / 50), 1_700_000_000_000 + i // 3, i) for i in range(1000)])
        for start in range(0, LONG, 1000):
            client.log_batch(parent.info.run_id, metrics=[Metric("long", i * 0.5, 1_700_000_000_000 + i, i % 777) for i in range(start, start + 1000)])
        data = mlflow.data.from_pandas(pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}), source="https://example.com/data.csv", name="flights")
        mlflow.log_input(data, context="training", tags={"fold": "1"})
        mlflow.log_text("hello ü\n", "notes/ünï code.txt")
        mlflow.log_dict({"a": [1, 2]}, "deep/er/still/dict.json")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "random.bin").write_bytes(numpy.random.default_rng(1).bytes(3_000_000))
            Path(folder, "empty").write_bytes(b"")
            mlflow.log_artifacts(folder, "files")
        for i in range(3):
            with mlflow.start_run(run_name=f"child {i}", nested=True):
                mlflow.log_metric("score", i / 3, step=i)
    for i in range(120):
        run = client.create_run(experiment, run_name=f"many {i}", start_time=1_600_000_000_000 + i)
        client.log_batch(run.info.run_id, metrics=[Metric("m", i, 1_600_000_000_000, 0)], params=[Param("i", str(i))], tags=[RunTag("parity", str(i % 2))])
        client.set_terminated(run.info.run_id, ("FINISHED", "FAILED", "KILLED")[i % 3], end_time=1_600_000_001_000 + i)
    running = client.create_run(experiment, run_name="still running")
    client.log_metric(running.info.run_id, "m", 5)
    deleted = client.create_run(experiment, run_name="deleted")
    client.log_metric(deleted.info.run_id, "m", 6)
    client.log_text(deleted.info.run_id, "kept too", "a.txt")
    client.set_terminated(deleted.info.run_id)
    client.delete_run(deleted.info.run_id)
    registry(experiment)
    gone = client.create_experiment("deleted experiment")
    run = client.create_run(gone, run_name="in a deleted experiment")
    client.log_param(run.info.run_id, "p", "1")
    client.set_terminated(run.info.run_id)
    client.delete_experiment(gone)
    client.create_experiment("empty")
    mlflow.set_experiment("Default")
    with mlflow.start_run(run_name="in default"):
        mlflow.log_param("p", 1)


class Add(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [1 for _ in range(len(model_input))]


def registry(experiment):
    client.create_registered_model("flight delay", description="predicts ☂", tags={"owner": "ada", "tier": "1"})
    for i in range(3):
        with mlflow.start_run(run_name=f"training {i}", experiment_id=experiment) as run:
            info = mlflow.pyfunc.log_model(name="model", python_model=Add(), pip_requirements=["numpy"], params={"depth": i})
            data = mlflow.data.from_pandas(pandas.DataFrame({"a": [i]}), source="https://example.com/holdout.csv", name="holdout")
            mlflow.log_metric("auc", 0.7 + i / 100, step=1, model_id=info.model_id, dataset=data)
        mlflow.register_model(info.model_uri, "flight delay", tags={"try": str(i)})
    client.update_model_version("flight delay", "2", description="the good one")
    client.transition_model_version_stage("flight delay", "2", "Production")
    client.transition_model_version_stage("flight delay", "3", "Staging")
    client.delete_model_version("flight delay", "1")
    client.set_registered_model_alias("flight delay", "champion", "2")
    client.set_registered_model_alias("flight delay", "challenger", "3")
    with mlflow.start_run(run_name="old style", experiment_id=experiment) as run:
        mlflow.log_text("weights", "folder/weights.txt")
    client.create_registered_model("by run")
    client.create_model_version("by run", f"{run.info.artifact_uri}/folder", run.info.run_id, description="from a run")
    client.create_model_version("by run", f"runs:/{run.info.run_id}/folder", run.info.run_id)
    client.create_registered_model("without versions")


def describe(names):
    experiments = client.search_experiments(ViewType.ALL)
    runs = [run for page in pages(lambda token: client.search_runs([e.experiment_id for e in experiments], run_view_type=ViewType.ALL, max_results=500, page_token=token)) for run in page]
    run_names = {run.info.run_id: run.info.run_name for run in runs}
    models = [model for page in pages(lambda token: client.search_logged_models([e.experiment_id for e in experiments], page_token=token)) for model in page]
    model_names = {model.model_id: f"{model.name} of {run_names.get(model.source_run_id)}" for model in models}
    experiment_names = {e.experiment_id: e.name for e in experiments}
    run_id = lambda given: run_names.get(given, given) if names else given
    model_id = lambda given: model_names.get(given, given) if names else given
    own = lambda tags: {key: run_id(value) if key == "mlflow.parentRunId" else value for key, value in tags.items() if not key.startswith("millrace.copy.")}
    world = {"experiments": {}, "runs": {}, "models": {}, "registered": {}}
    for e in experiments:
        world["experiments"][e.name] = {"stage": e.lifecycle_stage, "tags": own(e.tags)} | ({} if names else {"id": e.experiment_id, "created": e.creation_time})
    for run in runs:
        info, data = run.info, run.data
        history = {key: sorted([str(p.value + 0), p.timestamp, p.step] for p in client.get_metric_history(info.run_id, key)) for key in data.metrics}
        world["runs"][run_id(info.run_id)] = {
            "experiment": experiment_names[info.experiment_id],
            "name": info.run_name,
            "user": info.user_id,
            "status": info.status,
            "start": info.start_time,
            "end": info.end_time,
            "stage": info.lifecycle_stage,
            "latest": {key: str(value + 0) for key, value in data.metrics.items()},
            "history": {key: [len(points), hashlib.sha256(json.dumps(points).encode()).hexdigest()] for key, points in history.items()},
            "params": data.params,
            "tags": own({key: value for key, value in data.tags.items() if key != "mlflow.log-model.history"}),
            "inputs": sorted([d.dataset.name, d.dataset.digest, d.dataset.source_type, d.dataset.source, d.dataset.schema, d.dataset.profile, sorted([t.key, t.value] for t in d.tags)] for d in run.inputs.dataset_inputs),
            "models": sorted(model_id(o.model_id) for o in run.outputs.model_outputs),
            "files": files(info.artifact_uri),
        }
    for model in models:
        world["models"][model_id(model.model_id)] = {
            "name": model.name,
            "run": run_id(model.source_run_id),
            "status": str(model.status),
            "type": model.model_type,
            "params": model.params,
            "tags": {key: value for key, value in own(model.tags).items() if key != "mlflow.modelVersions"},
            "metrics": sorted([m.key, m.value, m.timestamp, m.step, run_id(m.run_id), m.dataset_name, m.dataset_digest] for m in model.metrics or []),
            "files": files(model.artifact_location),
        }
    for model in client.search_registered_models():
        versions = client.search_model_versions(f"name = '{model.name}'")
        world["registered"][model.name] = {
            "description": model.description or "",
            "tags": own(model.tags),
            "aliases": {alias: str(version) for alias, version in model.aliases.items()},
            "latest": {str(v.current_stage): str(v.version) for v in model.latest_versions},
            "versions": {
                str(v.version): {
                    "stage": v.current_stage,
                    "description": v.description or "",
                    "tags": own(v.tags),
                    "run": run_id(v.run_id) if v.run_id else "",
                    "model": model_id(v.model_id) if v.model_id else "",
                    "files": [path for path, _, _ in files(f"models:/{model.name}/{v.version}")],
                }
                for v in versions
            },
        }
    print(json.dumps(world, sort_keys=True, default=str))


def pages(search):
    token = None
    while True:
        page = search(token)
        yield page
        token = page.token
        if not token:
            return


def files(uri):
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        except Exception:
            return []
        found = [p for p in sorted(root.rglob("*")) if p.is_file()]
        return [[str(p.relative_to(root)), p.stat().st_size, hashlib.sha256(p.read_bytes()).hexdigest()] for p in found if p.name != "registered_model_meta"]


if __name__ == "__main__":
    make() if sys.argv[1] == "make" else describe(sys.argv[2:] == ["names"])
