"""The unmodified Python client against a server whose artifacts are in S3. CHECK_DIRECT says whether it goes past the server with large files."""

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import mlflow
import requests
from mlflow import MlflowClient

import checks

client = MlflowClient()
uri = os.environ["MLFLOW_TRACKING_URI"]
s3 = os.environ["MLFLOW_S3_ENDPOINT_URL"]
direct = os.environ["CHECK_DIRECT"] == "true"
folder = Path(os.environ["CHECK_FOLDER"])
run_id = client.create_run("0").info.run_id
sent = []

# What goes past the server goes to the store: that it did is seen by the addresses.
real_request = requests.Session.request


def recording(self, method, url, *args, **kwargs):
    sent.append((method.upper(), url))
    return real_request(self, method, url, *args, **kwargs)


requests.Session.request = recording


def write(name, size):
    file = folder / name
    file.write_bytes(os.urandom(size))
    return file


def sha(file):
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def to_store(method):
    return [url for sent_method, url in sent if sent_method == method and url.startswith(s3)]


def check_files():
    """files and folders are logged, listed, read back and deleted"""
    root = folder / "tree"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a b.txt").write_text("a")
    (root / "deep" / "er" / "ü 100%.json").write_text("{}")
    (root / "deep" / "empty").write_bytes(b"")
    client.log_artifacts(run_id, str(root), "model")
    client.log_artifact(run_id, str(root / "a b.txt"))
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id)] == [("a b.txt", False, 1), ("model", True, None)]
    assert [f.path for f in client.list_artifacts(run_id, "model/deep")] == ["model/deep/empty", "model/deep/er"]
    with tempfile.TemporaryDirectory() as into:
        got = Path(client.download_artifacts(run_id, "model", into))
        assert sorted(str(p.relative_to(got)) for p in got.rglob("*") if p.is_file()) == ["a b.txt", "deep/empty", "deep/er/ü 100%.json"]
        assert (got / "deep/er/ü 100%.json").read_text() == "{}"
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/model/a b.txt") == "a"
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    repository.delete_artifacts("model")
    assert [f.path for f in client.list_artifacts(run_id)] == ["a b.txt"]


def check_large():
    """a file of 20 MB goes up in parts and comes back, past the server where it may"""
    file = write("large.bin", 20_000_000)
    sent.clear()
    client.log_artifact(run_id, str(file), "big")
    assert len(to_store("PUT")) == (4 if direct else 0), sent
    with tempfile.TemporaryDirectory() as into:
        assert sha(client.download_artifacts(run_id, "big/large.bin", into)) == sha(file)
    assert bool([url for _, url in sent if "/mlflow-artifacts/presigned/" in url]) == direct, sent
    assert [(f.path, f.file_size) for f in client.list_artifacts(run_id, "big")] == [("big/large.bin", 20_000_000)]


def check_broken():
    """an upload in parts that fails is aborted and leaves nothing"""
    if not direct:
        return
    file = write("broken.bin", 20_000_000)
    put = requests.put
    requests.put = lambda *args, **kwargs: (_ for _ in ()).throw(ConnectionError("the line is cut"))
    try:
        client.log_artifact(run_id, str(file), "broken")
        raise AssertionError("it should have failed")
    except Exception as error:
        assert "at least one part" in str(error), error
    finally:
        requests.put = put
    assert client.list_artifacts(run_id, "broken") == []
    assert [url for method, url in sent if "/mpu/abort/" in url]


def check_model():
    """a model is logged, registered, loaded; then its files are sealed, by whichever way one comes"""
    class Add(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return [x + 1 for x in model_input]

    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="model", python_model=Add(), pip_requirements=["numpy"], registered_model_name="on s3")
    assert mlflow.pyfunc.load_model("models:/on s3/1").predict([1, 2]) == [2, 3]
    model = client.get_logged_model(info.model_id)
    key = model.artifact_location.removeprefix("mlflow-artifacts:").strip("/")
    for method, path, body in [
        ("PUT", f"mlflow-artifacts/artifacts/{key}/MLmodel", None),
        ("DELETE", f"mlflow-artifacts/artifacts/{key}/MLmodel", None),
        ("POST", f"mlflow-artifacts/mpu/create/{key}", {"path": "MLmodel", "num_parts": 1}),
        ("POST", f"mlflow-artifacts/mpu/complete/{key}", {"path": "MLmodel", "upload_id": "u", "parts": [{"part_number": 1, "etag": "e"}]}),
        ("POST", "mlflow/artifacts/presigned-upload-url", {"model_id": info.model_id, "path": "MLmodel"}),
    ]:
        answer = requests.request(method, f"{uri}/api/2.0/{path}", json=body)
        assert answer.status_code == 403 and "ARTIFACT_SEALED" in answer.text, (path, answer.text)


def check_presigned():
    """addresses are signed for runs, and for nothing outside of them"""
    ask = lambda what, **body: requests.post(f"{uri}/api/2.0/mlflow/artifacts/presigned-{what}-url", json=body)
    up = ask("upload", run_id=run_id, path="signed/a.txt").json()
    assert requests.put(up["presigned_url"], data="signed", headers=up["headers"]).ok
    down = ask("download", run_id=run_id, path="signed/a.txt", expiration=60).json()
    answer = requests.get(down["presigned_url"], headers=down["headers"])
    assert answer.text == "signed" and down["file_size"] == 6
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert ask("download", run_id=run_id, path="signed/b.txt").status_code == 404
    assert ask("upload", run_id=run_id, path="../x").status_code == 400
    assert ask("upload", run_id=run_id, path="x", expiration=604_801).status_code == 400
    elsewhere = client.create_experiment("elsewhere", artifact_location="s3://of-somebody-else/x")
    foreign = client.create_run(elsewhere).info.run_id
    assert ask("upload", run_id=foreign, path="x").status_code == 400


checks.run(sys.modules[__name__])
