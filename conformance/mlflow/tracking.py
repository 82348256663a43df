"""Experiments, runs, metrics, params, tags, data sets, artifacts and searches through MLflow's fluent API and MlflowClient."""

import json
import math
import os
import pathlib
import sys

import checks
import mlflow
import numpy as np
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

client = mlflow.MlflowClient()
folder = pathlib.Path(os.environ["CHECK_FOLDER"])


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, f"expected {code}, got {error.error_code}: {error}"
        return error
    raise AssertionError(f"expected {code}, but it was done")


def check_run():
    """start_run logs params, metrics with steps and tags, and ends FINISHED"""
    mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="one", tags={"team": "a"}, description="what it is") as run:
        mlflow.log_param("depth", 6)
        mlflow.log_params({"rate": 0.1, "loss": "log", "long": "x" * 6000})
        for step in range(5):
            mlflow.log_metric("auc", 0.5 + step / 10, step=step)
        mlflow.log_metrics({"logloss": 0.4, "nan": math.nan, "inf": math.inf, "ninf": -math.inf}, step=3)
        mlflow.set_tags({"stage": "dev", "größe": "ü☂"})
    read = client.get_run(run.info.run_id)
    assert read.info.status == "FINISHED" and read.info.run_name == "one" and read.info.end_time >= read.info.start_time
    assert read.data.params == {"depth": "6", "rate": "0.1", "loss": "log", "long": "x" * 6000}, read.data.params
    assert read.data.metrics["auc"] == 0.9 and read.data.metrics["logloss"] == 0.4
    assert math.isnan(read.data.metrics["nan"]) and read.data.metrics["inf"] == math.inf and read.data.metrics["ninf"] == -math.inf
    assert read.data.tags["größe"] == "ü☂" and read.data.tags["team"] == "a" and read.data.tags["mlflow.note.content"] == "what it is"
    assert read.data.tags["mlflow.runName"] == "one" and "mlflow.user" in read.data.tags


def check_history():
    """get_metric_history returns every point with its step and timestamp"""
    run = client.create_run(client.get_experiment_by_name("fluent").experiment_id)
    points = [Metric("m", float(i), 1_700_000_000_000 + i, i) for i in range(2500)]
    for start in range(0, 2500, 1000):
        client.log_batch(run.info.run_id, metrics=points[start : start + 1000])
    client.log_batch(run.info.run_id, metrics=points[:10])
    history = client.get_metric_history(run.info.run_id, "m")
    assert [(p.value, p.step, p.timestamp) for p in history] == [(p.value, p.step, p.timestamp) for p in points]
    assert client.get_metric_history(run.info.run_id, "none") == []
    client.set_terminated(run.info.run_id, "KILLED")
    assert client.get_run(run.info.run_id).info.status == "KILLED"


def check_failure():
    """a run that raises ends FAILED"""
    try:
        with mlflow.start_run() as run:
            raise KeyError("on purpose")
    except KeyError:
        pass
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def check_nested():
    """nested runs name their parent"""
    with mlflow.start_run(run_name="parent") as parent:
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metric("x", 1)
    children = mlflow.search_runs(experiment_names=["fluent"], filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list")
    assert [run.info.run_id for run in children] == [child.info.run_id]
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id


def check_resume():
    """a run is resumed by its id"""
    with mlflow.start_run() as run:
        mlflow.log_metric("x", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("y", 2)
    assert client.get_run(run.info.run_id).data.metrics == {"x": 1, "y": 2}


def check_async():
    """asynchronous logging arrives"""
    with mlflow.start_run() as run:
        operations = [mlflow.log_metric("async", i, step=i, synchronous=False) for i in range(50)]
        operations.append(mlflow.log_params({f"p{i}": i for i in range(30)}, synchronous=False))
        for operation in operations:
            operation.wait()
    assert len(client.get_metric_history(run.info.run_id, "async")) == 50
    assert len(client.get_run(run.info.run_id).data.params) == 30


def check_artifacts():
    """artifacts are logged, listed and downloaded: files, folders, text, dicts, arrays as images"""
    (folder / "in" / "deep").mkdir(parents=True)
    (folder / "in" / "a b.txt").write_text("spaces")
    (folder / "in" / "deep" / "größe.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "in" / "deep" / "100%.txt").write_text("percent")
    (folder / "empty.txt").write_text("")
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "in" / "a b.txt"))
        mlflow.log_artifact(str(folder / "empty.txt"), "nested/twice")
        mlflow.log_artifacts(str(folder / "in"), "all")
        mlflow.log_dict({"a": [1, 2]}, "conf/x.json")
        mlflow.log_text("text", "conf/x.txt")
        mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "image.png")
    run_id = run.info.run_id
    listed = lambda path=None: [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id, path)]
    assert ("a b.txt", False, 6) in listed() and ("all", True, None) in listed(), listed()
    assert listed("all") == [("all/a b.txt", False, 6), ("all/deep", True, None)], listed("all")
    assert sorted(path for path, _, _ in listed("all/deep")) == ["all/deep/100%.txt", "all/deep/größe.bin"]
    assert listed("nested/twice") == [("nested/twice/empty.txt", False, 0)]
    assert listed("a b.txt") == [] and listed("nowhere") == []
    out = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="all", dst_path=str(folder / "out")))
    assert (out / "deep" / "größe.bin").read_bytes() == bytes(range(256)) * 1000
    assert (out / "deep" / "100%.txt").read_text() == "percent"
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/conf/x.txt") == "text"
    assert mlflow.artifacts.load_dict(f"runs:/{run_id}/conf/x.json") == {"a": [1, 2]}
    whole = pathlib.Path(client.download_artifacts(run_id, "", str(folder)))
    assert (whole / "nested" / "twice" / "empty.txt").read_text() == ""


def check_big_artifact():
    """an artifact larger than the limit of other bodies passes"""
    content = os.urandom(24 * 1024 * 1024)
    (folder / "big.bin").write_bytes(content)
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "big.bin"))
    (folder / "back").mkdir()
    back = client.download_artifacts(run.info.run_id, "big.bin", str(folder / "back"))
    assert pathlib.Path(back).read_bytes() == content


def check_search():
    """search_runs filters, orders and pages"""
    experiment = mlflow.create_experiment("search", tags={"kind": "test"})
    for i in range(12):
        run = client.create_run(experiment, start_time=1000 + i, run_name=f"run {i}")
        client.log_batch(run.info.run_id, [Metric("auc", i / 10, 1, 0)] if i != 5 else [], [Param("depth", str(i % 3))], [RunTag("half", "a" if i < 6 else "b")])
    search = lambda text="", **more: [run.info.run_name.split()[1] for run in client.search_runs([experiment], text, **more)]
    assert search() == [str(i) for i in reversed(range(12))]
    assert search("metrics.auc > 0.85") == ["11", "10", "9"]
    assert search("metrics.auc <= 0.2 and params.depth = '1'") == ["1"]
    assert search("tags.half != 'a' and attributes.start_time < 1008", order_by=["start_time ASC"]) == ["6", "7"]
    assert search("params.`depth` LIKE '%2'", order_by=["metrics.auc DESC"]) == ["11", "8", "2", "5"]
    assert search("params.missing IS NULL and attribute.run_name ILIKE 'RUN 1%'") == ["11", "10", "1"]
    pages, token = [], None
    while True:
        page = client.search_runs([experiment], order_by=["metrics.auc ASC"], max_results=5, page_token=token)
        pages.append([run.info.run_name.split()[1] for run in page])
        token = page.token
        if not token:
            break
    assert [name for page in pages for name in page] == ["0", "1", "2", "3", "4", "6", "7", "8", "9", "10", "11", "5"], pages
    frame = mlflow.search_runs([experiment], filter_string="metrics.auc > 0.95")
    assert list(frame["metrics.auc"]) == [1.1, 1.0] and list(frame["params.depth"]) == ["2", "1"]
    assert "character" in str(refused("INVALID_PARAMETER_VALUE", lambda: search("metrics.auc >> 1")))


def check_experiments():
    """experiments are searched, renamed, tagged, deleted and restored"""
    experiment = client.create_experiment("life", tags={"a": "1"})
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_experiment("life"))
    assert client.get_experiment_by_name("nothing") is None
    client.set_experiment_tag(experiment, "b", "2")
    client.delete_experiment_tag(experiment, "a")
    client.rename_experiment(experiment, "afterlife")
    read = client.get_experiment(experiment)
    assert read.name == "afterlife" and read.tags == {"b": "2"} and read.artifact_location == f"mlflow-artifacts:/{experiment}", read
    assert [e.name for e in mlflow.search_experiments(filter_string="tags.b = '2'")] == ["afterlife"]
    run = client.create_run(experiment)
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert "afterlife" in [e.name for e in mlflow.search_experiments(view_type=ViewType.DELETED_ONLY)]
    assert "afterlife" not in [e.name for e in mlflow.search_experiments()]
    client.restore_experiment(experiment)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def check_deleted_run():
    """a run is deleted and restored, and takes nothing while it is deleted"""
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", lambda: client.log_metric(run_id, "m", 1))
    assert run_id in [run.info.run_id for run in client.search_runs(["0"], run_view_type=ViewType.DELETED_ONLY)]
    client.restore_run(run_id)
    client.log_metric(run_id, "m", 1)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_run("0" * 32))


def check_params_fixed():
    """a param cannot change; a tag can, and can be removed"""
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "p", 1)
    client.log_param(run_id, "p", 1)
    assert "already logged" in str(refused("INVALID_PARAMETER_VALUE", lambda: client.log_param(run_id, "p", 2)))
    client.set_tag(run_id, "t", 1)
    client.set_tag(run_id, "t", 2)
    assert client.get_run(run_id).data.tags["t"] == "2"
    client.delete_tag(run_id, "t")
    assert "t" not in client.get_run(run_id).data.tags
    client.update_run(run_id, status="FINISHED", name="new name")
    assert client.get_run(run_id).info.run_name == "new name"


def check_datasets():
    """log_input keeps the data set, and searches find it"""
    data = mlflow.data.from_numpy(np.arange(12.0).reshape(4, 3), name="numbers")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training", tags={"split": "1"})
    [used] = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert used.dataset.name == "numbers" and json.loads(used.dataset.profile)["features_shape"] == [4, 3]
    assert {tag.key: tag.value for tag in used.tags} == {"mlflow.data.context": "training", "split": "1"}
    found = mlflow.search_runs(experiment_names=["fluent"], filter_string="dataset.name = 'numbers' and dataset.context = 'training'", output_format="list")
    assert [r.info.run_id for r in found] == [run.info.run_id]


def check_table():
    """log_table appends and load_table reads"""
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "table.json")
        mlflow.log_table({"a": [3], "b": ["z"]}, "table.json")
    assert list(mlflow.load_table("table.json", run_ids=[run.info.run_id])["a"]) == [1, 2, 3]


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
