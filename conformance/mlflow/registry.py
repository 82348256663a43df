"""The model registry through MlflowClient: models, versions, tags, aliases, stages, searches."""

import sys

import checks
import mlflow
from mlflow.exceptions import MlflowException

client = mlflow.MlflowClient()


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, f"expected {code}, got {error.error_code}: {error}"
        return error
    raise AssertionError(f"expected {code}, but it was done")


def new_run():
    with mlflow.start_run() as run:
        mlflow.log_text("a model", "model/weights.txt")
        mlflow.log_text("artifact_path: model\nflavors: {}\n", "model/MLmodel")
        mlflow.log_metric("auc", 0.7)
    return run.info


def check_models():
    """models are created, described, tagged, renamed and deleted"""
    client.create_registered_model("m", tags={"a": "1"}, description="first")
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model("m"))
    refused("INVALID_PARAMETER_VALUE", lambda: client.create_registered_model("a/b"))
    client.set_registered_model_tag("m", "b", "2")
    client.delete_registered_model_tag("m", "a")
    client.update_registered_model("m", "second")
    model = client.get_registered_model("m")
    assert model.description == "second" and model.tags == {"b": "2"} and model.latest_versions == []
    client.rename_registered_model("m", "n")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model("m"))
    client.delete_registered_model("n")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model("n"))


def check_versions():
    """register_model and create_model_version number versions and keep run, source and tags"""
    info = new_run()
    first = mlflow.register_model(f"runs:/{info.run_id}/model", "versions", tags={"t": "1"})
    assert first.version in ("1", 1) and first.run_id == info.run_id and first.status == "READY" and first.tags == {"t": "1"}, first
    second = client.create_model_version("versions", f"{info.artifact_uri}/model", info.run_id, description="by hand")
    assert int(second.version) == 2
    client.set_model_version_tag("versions", "2", "k", "v")
    client.delete_model_version_tag("versions", "1", "t")
    client.update_model_version("versions", "2", "changed")
    read = client.get_model_version("versions", "2")
    assert read.description == "changed" and read.tags == {"k": "v"} and client.get_model_version("versions", "1").tags == {}
    assert [int(v.version) for v in client.get_latest_versions("versions")] == [2]
    assert mlflow.artifacts.load_text(f"{client.get_model_version_download_uri('versions', '2')}/weights.txt") == "a model"
    assert mlflow.artifacts.load_text("models:/versions/1/weights.txt") == "a model"


def check_sources():
    """a version's files belong to the run that it names"""
    info, other = new_run(), new_run()
    client.create_registered_model("sources")
    for source in [
        f"{other.artifact_uri}/model",
        f"{info.artifact_uri}/../../{other.run_id}/artifacts",
        f"runs:/{other.run_id}/model",
        "/etc/passwd",
        "file:///etc/passwd",
        "mlflow-artifacts:/",
    ]:
        refused("INVALID_PARAMETER_VALUE", lambda: client.create_model_version("sources", source, info.run_id))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.create_model_version("sources", "models:/sources/9", info.run_id))
    assert client.search_model_versions("name = 'sources'") == []


def check_aliases():
    """aliases are set, moved, read and deleted"""
    info = new_run()
    client.create_registered_model("aliases")
    for _ in range(2):
        client.create_model_version("aliases", f"{info.artifact_uri}/model", info.run_id)
    client.set_registered_model_alias("aliases", "champion", "1")
    client.set_registered_model_alias("aliases", "challenger", "2")
    client.set_registered_model_alias("aliases", "champion", "2")
    assert int(client.get_model_version_by_alias("aliases", "champion").version) == 2
    assert sorted(client.get_model_version("aliases", "2").aliases) == ["challenger", "champion"]
    assert {a: int(v) for a, v in client.get_registered_model("aliases").aliases.items()} == {"champion": 2, "challenger": 2}
    assert mlflow.artifacts.load_text("models:/aliases@champion/weights.txt") == "a model"
    client.delete_registered_model_alias("aliases", "champion")
    client.delete_registered_model_alias("aliases", "champion")
    assert "not found" in str(refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias("aliases", "champion")))
    for name in ["latest", "v3", "a b", ""]:
        refused("INVALID_PARAMETER_VALUE", lambda: client.set_registered_model_alias("aliases", name, "1"))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.set_registered_model_alias("aliases", "x", "9"))
    client.delete_model_version("aliases", "2")
    assert client.get_registered_model("aliases").aliases == {}
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version("aliases", "2"))


def check_stages():
    """stages, which older clients use, move and archive"""
    info = new_run()
    client.create_registered_model("stages")
    for _ in range(3):
        client.create_model_version("stages", f"{info.artifact_uri}/model", info.run_id)
    client.transition_model_version_stage("stages", "1", "Production")
    client.transition_model_version_stage("stages", "2", "production", archive_existing_versions=True)
    assert client.get_model_version("stages", "1").current_stage == "Archived"
    assert [int(v.version) for v in client.get_latest_versions("stages", ["Production"])] == [2]
    assert sorted(int(v.version) for v in client.get_latest_versions("stages")) == [1, 2, 3]
    refused("INVALID_PARAMETER_VALUE", lambda: client.transition_model_version_stage("stages", "1", "Nowhere"))


def check_searches():
    """models and versions are searched, ordered and paged"""
    info, other = new_run(), new_run()
    for i, name in enumerate(["search-b", "search-a", "search-c"]):
        client.create_registered_model(name, tags={"n": str(i)})
        for run in [info, other]:
            client.create_model_version(name, f"{run.artifact_uri}/model", run.run_id, tags={"of": name[-1]})
    models = lambda text, **more: [m.name for m in client.search_registered_models(text, **more)]
    assert models("name LIKE 'search-%'") == ["search-a", "search-b", "search-c"]
    assert models("name LIKE 'search-%'", order_by=["name DESC"]) == ["search-c", "search-b", "search-a"]
    assert models("tags.n = '1'") == ["search-a"]
    page = client.search_registered_models("name LIKE 'search-%'", max_results=2)
    assert [m.name for m in page] == ["search-a", "search-b"]
    assert [m.name for m in client.search_registered_models("name LIKE 'search-%'", max_results=2, page_token=page.token)] == ["search-c"]
    versions = lambda text, **more: [(v.name[-1], int(v.version)) for v in client.search_model_versions(text, **more)]
    assert versions("name = 'search-a'", order_by=["version_number ASC"]) == [("a", 1), ("a", 2)]
    assert sorted(versions(f"run_id = '{info.run_id}'")) == [("a", 1), ("b", 1), ("c", 1)]
    assert sorted(versions(f"run_id IN ('{info.run_id}','{other.run_id}') and tags.of = 'b'")) == [("b", 1), ("b", 2)]
    assert versions("name = 'search-c' and version_number > 1") == [("c", 2)]
    assert versions("name LIKE 'search-%'", order_by=["name ASC"], max_results=3) == [("a", 2), ("a", 1), ("b", 2)]


def check_copy():
    """a version is copied to another model"""
    info = new_run()
    client.create_registered_model("copied")
    version = client.create_model_version("copied", f"{info.artifact_uri}/model", info.run_id)
    copy = client.copy_model_version(f"models:/copied/{version.version}", "copy")
    assert int(copy.version) == 1 and copy.run_id == info.run_id
    assert mlflow.artifacts.load_text("models:/copy/1/weights.txt") == "a model"


def check_seals():
    """the files of a registered version stay as they are; the rest of the run, and other models, go on"""
    import requests
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with mlflow.start_run() as run:
        mlflow.log_text("a model", "model/weights.txt")
        mlflow.log_text("artifact_path: model\nflavors: {}\n", "model/MLmodel")
        mlflow.register_model(f"runs:/{run.info.run_id}/model", "sealed")
        try:
            mlflow.log_text("another", "model/weights.txt")
            raise AssertionError("the file of a registered version was overwritten")
        except requests.HTTPError as error:
            assert error.response.status_code == 403 and "sealed" in error.response.text, error.response.text
        mlflow.log_text("a plot", "plot.txt")
        first = mlflow.sklearn.log_model(model, name="classifier", registered_model_name="sealed")
        second = mlflow.sklearn.log_model(model, name="classifier", registered_model_name="sealed")
        mlflow.log_metric("auc", 1.0)
    assert [int(v.version) for v in client.search_model_versions("name = 'sealed'", order_by=["version_number ASC"])] == [1, 2, 3]
    assert first.model_id != second.model_id
    assert list(mlflow.sklearn.load_model("models:/sealed/3").predict([[0.0], [1.0]])) == [0, 1]
    assert mlflow.artifacts.load_text("models:/sealed/1/weights.txt") == "a model"


def check_prompts():
    """prompts are kept apart from models"""
    mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="first")
    assert mlflow.genai.load_prompt("prompts:/greeting/1").template == "Hello {{name}}"
    assert "greeting" not in [m.name for m in client.search_registered_models()]
    assert "greeting" in [p.name for p in mlflow.genai.search_prompts()]


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
