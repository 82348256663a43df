"""Plays every call of the model registry against the server at MLFLOW_TRACKING_URI and prints one line of JSON for each: the call and what came of it, with what
differs from server to server by nature (ids, times, tokens) replaced by names. Played against MLflow's own server and against ours, the lines are to be the same."""

import json
import os
import re
from collections.abc import Mapping, Sequence

import mlflow
import requests
from mlflow.exceptions import MlflowException

URI = os.environ["MLFLOW_TRACKING_URI"]
client = mlflow.MlflowClient()
names = {}


# Of ours only, or of theirs only, and no client depends on them.
OWN = ("digest", "code", "details", "model_id", "deployment_job_state", "workspace")


def neutral(text):
    for secret, name in names.items():
        text = text.replace(secret, name)
    return text


def show(value):
    """What a client sees of it. A field at protobuf's default and an absent one are the same, and tags have no order."""
    if isinstance(value, str):
        return neutral(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {neutral(str(k)): clock(k, show(v)) for k, v in sorted(value.items()) if k not in OWN and v not in (None, "") and show(v) != []}
    if hasattr(value, "token"):
        return {"items": [show(v) for v in value], "more": bool(value.token)}
    if isinstance(value, (tuple, Sequence)):
        shown = [show(v) for v in value]
        return sorted(shown, key=lambda tag: tag["key"]) if shown and all(isinstance(tag, dict) and "key" in tag for tag in shown) else shown
    return show(dict(value))


def clock(key, value):
    # Versions within a model have their aliases with us; MLflow leaves them out there.
    if key == "latest_versions":
        return [{k: v for k, v in one.items() if k != "aliases"} for one in value]
    return "TIME" if re.search("timestamp", str(key)) and value else value


def play(label, work):
    try:
        outcome = {"ok": show(work())}
    except MlflowException as error:
        outcome = {"error": error.error_code, "message": neutral(str(error))}
    except Exception as error:
        outcome = {"raised": type(error).__name__, "message": neutral(str(error))}
    print(json.dumps({"call": label, **outcome}), flush=True)


def raw(method, path, body=None, query=None):
    """A request as other clients send it, past what the Python client checks by itself."""
    label = f"{method} {path} {json.dumps(body if body is not None else query or {})}"

    def work():
        answer = requests.request(method, f"{URI}/api/2.0/mlflow/{path}", json=body, params=query, timeout=30)
        try:
            content = answer.json()
        except ValueError:
            return {"status": answer.status_code, "text": answer.text[:100]}
        if "error_code" in content:
            return {"status": answer.status_code, "error": content["error_code"], "message": content["message"]}
        if "next_page_token" in content:
            content["next_page_token"] = "TOKEN"
        return {"status": answer.status_code, "body": content}

    play(neutral(label), work)


def calls(text):
    """One call of the client a line, named by its own source."""
    for line in text.strip().splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            play(line, lambda source=line: eval(compile(source, "call", "eval"), globals()))


def make_run(name):
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_text("a model", "model/weights.txt")
        mlflow.log_metric("auc", 0.7)
    names[run.info.run_id] = f"<{name}>"
    globals()[name] = run.info
    return run.info


def make_logged_model(name):
    model = client.create_logged_model("0", name=name, source_run_id=first.run_id)
    client.finalize_logged_model(model.model_id, "READY")
    names[model.model_id] = f"<{name}>"
    globals()[name] = model


make_run("first")
make_run("second")
make_logged_model("logged")

# Models
calls("""
client.create_registered_model("m", tags={"a": "1", "b": "2"}, description="first")
client.create_registered_model("m")
client.create_registered_model("empty")
client.create_registered_model("")
client.create_registered_model("   ")
client.create_registered_model("a/b")
client.create_registered_model("a:b")
client.create_registered_model("..")
client.create_registered_model("a'b")
client.create_registered_model("ü ☂ model")
client.create_registered_model("tagged", tags={"bad\\nkey": "x"})
client.create_registered_model("tagged", tags={"k": "x" * 100_000})
client.get_registered_model("m")
client.get_registered_model("none")
client.get_registered_model("")
client.get_registered_model("ü ☂ model")
client.update_registered_model("m", "second")
client.update_registered_model("m", "")
client.get_registered_model("m")
client.update_registered_model("none", "x")
client.set_registered_model_tag("m", "c", "3")
client.set_registered_model_tag("m", "c", "4")
client.set_registered_model_tag("m", "d", 5)
client.set_registered_model_tag("m", "e", "")
client.set_registered_model_tag("m", "", "x")
client.set_registered_model_tag("m", "../x", "x")
client.set_registered_model_tag("none", "c", "3")
client.set_registered_model_tag("m", "k" * 251, "x")
client.set_registered_model_tag("m", "long", "x" * 100_001)
client.delete_registered_model_tag("m", "a")
client.delete_registered_model_tag("m", "a")
client.delete_registered_model_tag("none", "a")
client.get_registered_model("m").tags
client.rename_registered_model("empty", "renamed")
client.rename_registered_model("renamed", "renamed").name
client.rename_registered_model("renamed", "m")
client.rename_registered_model("none", "x")
client.rename_registered_model("renamed", "")
client.rename_registered_model("renamed", "a/b")
client.get_registered_model("empty")
client.delete_registered_model("renamed")
client.delete_registered_model("renamed")
client.get_registered_model("renamed")
""")

# Versions
calls("""
client.create_model_version("m", f"{first.artifact_uri}/model", first.run_id, tags={"t": "1"}, description="by hand", run_link="http://link")
client.create_model_version("m", f"runs:/{first.run_id}/model", first.run_id)
client.create_model_version("m", f"models:/{logged.model_id}", model_id=logged.model_id)
client.create_model_version("m", "models:/m/1")
client.create_model_version("m", "models:/m/99")
client.create_model_version("m", "models:/none/1")
client.create_model_version("m", "s3://bucket/model")
client.create_model_version("none", f"runs:/{first.run_id}/model", first.run_id)
client.create_model_version("m", "", first.run_id)
client.create_model_version("m", f"runs:/{second.run_id}/model", first.run_id)
client.create_model_version("m", f"runs:/{first.run_id}/model")
client.create_model_version("m", f"{second.artifact_uri}/model", first.run_id)
client.create_model_version("m", "/etc/passwd", first.run_id)
client.create_model_version("m", f"runs:/{first.run_id}/model", first.run_id, tags={"bad\\nkey": "x"})
client.get_model_version("m", "1")
client.get_model_version("m", 2)
client.get_model_version("m", "3")
client.get_model_version("m", "4")
client.get_model_version("m", "99")
client.get_model_version("m", "x")
client.get_model_version("none", "1")
client.get_model_version("m", "")
client.get_model_version_download_uri("m", "1")
client.get_model_version_download_uri("m", "2")
client.get_model_version_download_uri("m", "5")
client.get_model_version_download_uri("m", "99")
client.update_model_version("m", "1", "described")
client.update_model_version("m", "1", "")
client.update_model_version("m", "99", "x")
client.set_model_version_tag("m", "1", "k", "v")
client.set_model_version_tag("m", "1", "k", "w")
client.set_model_version_tag("m", "1", "n", 7)
client.set_model_version_tag("m", "1", "empty", "")
client.set_model_version_tag("m", "1", "", "x")
client.set_model_version_tag("m", "1", "a\\tb", "x")
client.set_model_version_tag("m", "99", "k", "v")
client.set_model_version_tag("none", "1", "k", "v")
client.set_model_version_tag("m", "1", "long", "x" * 100_001)
client.delete_model_version_tag("m", "1", "t")
client.delete_model_version_tag("m", "1", "t")
client.delete_model_version_tag("m", "99", "t")
client.get_model_version("m", "1").tags
client.get_model_version_stages("m", "1")
""")

# Aliases
calls("""
client.set_registered_model_alias("m", "champion", "1")
client.set_registered_model_alias("m", "champion", 2)
client.set_registered_model_alias("m", "challenger", "2")
client.set_registered_model_alias("m", "Champion", "3")
client.set_registered_model_alias("m", "x", "99")
client.set_registered_model_alias("none", "x", "1")
client.set_registered_model_alias("m", "latest", "1")
client.set_registered_model_alias("m", "LaTest", "1")
client.set_registered_model_alias("m", "v1", "1")
client.set_registered_model_alias("m", "V12", "1")
client.set_registered_model_alias("m", "v1a", "1")
client.set_registered_model_alias("m", "a b", "1")
client.set_registered_model_alias("m", "a/b", "1")
client.set_registered_model_alias("m", "", "1")
client.set_registered_model_alias("m", "x" * 256, "1")
client.get_model_version_by_alias("m", "champion")
client.get_model_version_by_alias("m", "latest").version
client.get_model_version_by_alias("m", "none")
client.get_model_version_by_alias("none", "champion")
client.get_model_version_by_alias("m", "")
client.get_model_version_by_alias("m", "a b")
sorted(client.get_model_version("m", "2").aliases)
client.get_registered_model("m").aliases
client.delete_registered_model_alias("m", "challenger")
client.delete_registered_model_alias("m", "challenger")
client.delete_registered_model_alias("none", "challenger")
client.delete_registered_model_alias("m", "a b")
""")

# Stages
calls("""
client.transition_model_version_stage("m", "1", "Production")
client.transition_model_version_stage("m", "2", "production", archive_existing_versions=True)
client.transition_model_version_stage("m", "3", "STAGING")
client.transition_model_version_stage("m", "3", "staging", archive_existing_versions=True)
client.transition_model_version_stage("m", "4", "Staging", archive_existing_versions=True)
client.transition_model_version_stage("m", "4", "Archived", archive_existing_versions=True)
client.transition_model_version_stage("m", "4", "None", archive_existing_versions=True)
client.transition_model_version_stage("m", "4", "Nowhere")
client.transition_model_version_stage("m", "4", "")
client.transition_model_version_stage("m", "99", "Production")
client.transition_model_version_stage("none", "1", "Production")
[(v.version, v.current_stage) for v in client.search_model_versions("name = 'm'", order_by=["version_number ASC"])]
sorted((v.current_stage, int(v.version)) for v in client.get_latest_versions("m"))
[(v.current_stage, int(v.version)) for v in client.get_latest_versions("m", ["production"])]
sorted((v.current_stage, int(v.version)) for v in client.get_latest_versions("m", ["None", "Archived"]))
client.get_latest_versions("m", ["Nowhere"])
client.get_latest_versions("none")
client.get_latest_versions("m", ["Production"])
""")

# Deleting, and the numbers after it
calls("""
client.delete_model_version("m", "5")
client.delete_model_version("m", "5")
client.delete_model_version("m", "x")
client.delete_model_version("none", "1")
client.create_model_version("m", f"runs:/{first.run_id}/model", first.run_id).version
client.set_registered_model_alias("m", "gone", "6")
client.delete_model_version("m", "6")
client.get_registered_model("m").aliases
client.get_model_version_by_alias("m", "gone")
""")

# Searches
for i, name in enumerate(["s-b", "s-a", "s-c", "S-a"]):
    client.create_registered_model(name, tags={"n": str(i), "of": "search"})
    for info in [first, second]:
        client.create_model_version(name, f"runs:/{info.run_id}/model", info.run_id, tags={"of": name, "n": str(i)})


def models(*args, **kwargs):
    found = client.search_registered_models(*args, **kwargs)
    return [m.name for m in found], bool(found.token)


def versions(*args, **kwargs):
    found = client.search_model_versions(*args, **kwargs)
    return [(v.name, int(v.version)) for v in found], bool(found.token)


for text in [
    None, "", "name = 's-a'", "name='s-a'", "name != 's-a'", "name LIKE 's-%'", "name ILIKE 's-%'", "name like 's-_'", "name LIKE '%a'", "name > 's-a'", "name IN ('s-a', 's-b')",
    "name = s-a", 'name = "s-a"', "`name` = 's-a'", "tags.n = '1'", "tag.n = '1'", "tags.n != '1'", "tags.n LIKE '%'", "tags.`n` = '1'", 'tags."n" = \'1\'', "tags.n = 1",
    "tags.of = 'search' AND tags.n = '2'", "tags.of = 'search' and name LIKE 's-%'", "tags.n = '1' AND tags.n = '2'", "tags.none = '1'", "tags.n IS NULL", "tags.n IS NOT NULL",
    "description = 'x'", "creation_timestamp > 0", "attribute.name = 's-a'", "attributes.name = 's-a'", "name = 's-a' OR name = 's-b'", "name", "name =", "= 's-a'", "name = 's-a' AND", "name = 's-a';",
    "tags.mlflow.prompt.is_prompt = 'true'", "tags.`mlflow.prompt.is_prompt` = 'true'", "tags.`mlflow.prompt.is_prompt` != 'true'", "run_id = 'x'", "metrics.auc > 1",
]:
    play(f"search models {text!r}", lambda: models(text))
for order in [
    ["name ASC"], ["name DESC"], ["name"], ["NAME DESC"], ["timestamp"], ["timestamp DESC", "name ASC"], ["last_updated_timestamp DESC"], ["creation_timestamp ASC"], ["name", "name DESC"], ["name up"],
    ["tags.n"], ["version_number"], [""], ["name ASC, timestamp"],
]:
    play(f"search models by {order}", lambda: models("name LIKE 's-%'", order_by=order))
for limit in [1, 2, 1000, 1001, 0, -1]:
    play(f"search models, {limit} at most", lambda: models("name ILIKE 's-%'", max_results=limit))

for text in [
    None, "", "name = 's-a'", "name != 's-a'", "name LIKE 's-%'", "name ILIKE 's-%'", "name IN ('s-a', 's-c')", "name NOT IN ('s-a')", f"run_id = '{first.run_id}'", f"run_id IN ('{first.run_id}','{second.run_id}')",
    f"run_id IN ('{first.run_id}')", "run_id IN ()", "run_id IN ('')", f"run_id != '{first.run_id}'", "run_id LIKE '%'", f"source_path = 'runs:/{first.run_id}/model'", "source_path LIKE 'runs:/%'", "source_path ILIKE 'RUNS:/%'",
    "version_number = 1", "version_number > 1", "version_number >= 1 AND version_number < 2", "version_number != 1", "version_number = '1'", "version_number LIKE '1'", "version_number IN (1, 2)", "version_number = 1.5",
    "tags.of = 's-a'", "tags.of LIKE 's-%'", "tags.of != 's-a'", "tags.of = 's-a' AND tags.n = '1'", "tags.none = 'x'", "tags.of IS NULL", "name = 's-a' AND version_number = 2", "stage = 'None'",
    "current_stage = 'None'", "description = 'x'", "creation_timestamp > 0", "last_updated_timestamp > 0", "user_id = 'x'", "status = 'READY'", "name = 's-a' OR name = 's-b'", "version = 1", "model_id = 'x'",
    "attribute.name = 's-a'", "attributes.version_number = 2",
]:
    play(neutral(f"search versions {text!r}"), lambda: versions(text, order_by=["name ASC", "version_number ASC"]))
for order in [
    None, ["version_number ASC"], ["version_number DESC"], ["name DESC", "version_number ASC"], ["last_updated_timestamp DESC", "name ASC"], ["creation_timestamp ASC"], ["run_id ASC", "name ASC"], ["source_path ASC"],
    ["name", "name"], ["name up"], ["tags.n"], ["timestamp"], [""], ["current_stage"],
]:
    # Made within one millisecond or not, versions of equal times come by name: what is asked for beside the time decides.
    play(f"search versions by {order}", lambda: versions("name LIKE 's-%' AND version_number = 1", order_by=order) if order and "run_id ASC" not in order else versions("name = 's-a'", order_by=order))
for limit in [1, 3, 200_000, 200_001, 0, -1]:
    play(f"search versions, {limit} at most", lambda: versions("name LIKE 's-%'", max_results=limit, order_by=["name ASC", "version_number ASC"]))


def pages(search, **kwargs):
    found, token, count = [], None, 0
    while True:
        page = search(page_token=token, **kwargs)
        found += [(p.name, getattr(p, "version", None)) for p in page]
        token, count = page.token, count + 1
        if not token:
            return found, count


calls("""
pages(client.search_registered_models, max_results=2, filter_string="name LIKE 's-%'")
pages(client.search_model_versions, max_results=3, filter_string="name LIKE 's-%'", order_by=["name ASC", "version_number ASC"])
client.search_registered_models(page_token="nonsense")
client.search_model_versions(page_token="nonsense")
client.search_registered_models("name = 'm'")
""")

# What the client refuses by itself, other clients do not
for method, path, body in [
    ("POST", "registered-models/create", {}), ("POST", "registered-models/create", {"name": 5}), ("POST", "registered-models/create", {"name": None}), ("POST", "registered-models/create", {"name": "r", "unknown": 1}),
    ("POST", "registered-models/create", {"name": "r2", "tags": {"a": "b"}}), ("POST", "registered-models/create", {"name": "r3", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}),
    ("POST", "registered-models/create", {"name": "r4", "tags": [{"key": "a"}]}), ("POST", "registered-models/create", []), ("POST", "registered-models/rename", {"name": "r"}), ("PATCH", "registered-models/update", {"name": "r"}),
    ("PATCH", "registered-models/update", {"name": "r", "description": "d"}), ("DELETE", "registered-models/delete", {}), ("POST", "registered-models/set-tag", {"name": "r", "key": "k"}), ("POST", "registered-models/set-tag", {"name": "r"}),
    ("DELETE", "registered-models/delete-tag", {"name": "r"}), ("POST", "registered-models/get-latest-versions", {"name": "m"}), ("POST", "registered-models/get-latest-versions", {"name": "m", "stages": ["Production", "Staging"]}),
    ("POST", "registered-models/get-latest-versions", {"name": "m", "stages": "Production"}), ("POST", "registered-models/get-latest-versions", {}), ("POST", "model-versions/create", {"name": "m"}), ("POST", "model-versions/create", {"name": "m", "source": 5}),
    ("POST", "model-versions/create", {"name": "r", "source": f"runs:/{first.run_id}/model", "run_id": first.run_id, "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}),
    ("PATCH", "model-versions/update", {"name": "r", "version": "1"}), ("PATCH", "model-versions/update", {"name": "r"}),
    ("POST", "model-versions/transition-stage", {"name": "r", "version": "1", "stage": "Production"}), 
    ("POST", "model-versions/transition-stage", {"name": "r", "version": "1"}), ("POST", "model-versions/set-tag", {"name": "r", "version": "1", "key": "k"}), ("POST", "model-versions/set-tag", {"name": "r", "key": "k", "value": "v"}),
    ("DELETE", "model-versions/delete-tag", {"name": "r", "version": "1", "key": "k"}), ("DELETE", "model-versions/delete-tag", {"name": "r", "version": "1"}), ("DELETE", "model-versions/delete", {"name": "r"}),
    ("POST", "registered-models/alias", {"name": "r", "alias": "a"}), ("POST", "registered-models/alias", {"name": "r", "version": "1"}),
    ("POST", "registered-models/alias", {"name": "r", "alias": "a", "version": "x"}), ("DELETE", "registered-models/alias", {"name": "r"}), ("DELETE", "registered-models/alias", {"name": "r", "alias": "a"}),
]:
    raw(method, path, body)
for path, query in [
    ("registered-models/get", {}), ("registered-models/get", {"name": "r"}), ("registered-models/get", {"name": "r", "unknown": "1"}), ("registered-models/get-latest-versions", {"name": "m"}),
    ("registered-models/get-latest-versions", {"name": "m", "stages": "Production"}), ("registered-models/get-latest-versions", {"name": "m", "stages": ["Production", "Archived"]}), ("registered-models/alias", {"name": "m"}),
    ("registered-models/alias", {"name": "m", "alias": "champion"}), ("registered-models/search", {"max_results": "2", "filter": "name LIKE 's-%'"}), ("registered-models/search", {"max_results": "x"}), ("registered-models/search", {"max_results": "1001"}),
    ("registered-models/search", {"order_by": "name DESC", "filter": "name LIKE 's-%'"}), ("model-versions/get", {"name": "r"}), ("model-versions/get", {"name": "r", "version": "1"}), ("model-versions/get-download-uri", {"name": "r", "version": "1"}),
    ("model-versions/search", {"filter": "name = 'r'"}), ("model-versions/search", {"filter": "name = 's-a'", "max_results": "1", "order_by": ["version_number ASC"]}), ("model-versions/search", {"max_results": "200001"}), ("model-versions/search", {"max_results": "-1"}),
]:
    raw("GET", path, query=query)
# We take what protobuf's JSON mapping allows, MLflow's server does not
for method, path, body in [
    ("PATCH", "model-versions/update", {"name": "r", "version": 1, "description": "d"}), ("POST", "registered-models/alias", {"name": "r", "alias": "a", "version": 1}),
    ("POST", "model-versions/transition-stage", {"name": "r", "version": "1", "stage": "Staging", "archive_existing_versions": "true"}),
]:
    raw(method, path, body)
client.delete_registered_model("r")

# Prompts are models with a tag, and hidden unless asked for
P = "mlflow.prompt.is_prompt"
calls("""
mlflow.genai.register_prompt("greeting", "Hello {{name}}", commit_message="first", tags={"lang": "en"}).version
mlflow.genai.register_prompt("greeting", "Hi {{name}}").version
mlflow.genai.load_prompt("prompts:/greeting/1").template
mlflow.genai.load_prompt("prompts:/greeting/9")
mlflow.genai.set_prompt_alias("greeting", "live", 2)
mlflow.genai.load_prompt("prompts:/greeting@live").template
mlflow.genai.delete_prompt_alias("greeting", "live")
mlflow.genai.load_prompt("prompts:/greeting@live")
[p.name for p in mlflow.genai.search_prompts()]
[p.name for p in mlflow.genai.search_prompts(filter_string="name = 'greeting'")]
client.create_registered_model("greeting")
mlflow.genai.register_prompt("m", "a model is no prompt")
[m.name for m in client.search_registered_models("name = 'greeting'")]
[m.name for m in client.search_registered_models(f"tags.`{P}` = 'true'")]
[(v.name, v.version) for v in client.search_model_versions("name = 'greeting'")]
[(v.name, v.version) for v in client.search_model_versions(f"name = 'greeting' AND tags.`{P}` = 'true'", order_by=["version_number ASC"])]
client.create_model_version("m", "models:/greeting/1")
client.get_registered_model("greeting").tags
client.set_prompt_tag("greeting", "team", "a")
client.get_prompt("greeting").tags
client.delete_prompt_tag("greeting", "team")
client.set_prompt_version_tag("greeting", "1", "x", "y")
client.delete_prompt_version_tag("greeting", "1", "x")
client.delete_prompt_version("greeting", "1")
client.get_prompt_version("greeting", "1")
client.delete_prompt_version("greeting", "2")
client.delete_prompt("greeting")
[p.name for p in mlflow.genai.search_prompts()]
""")

# Copies, and the fluent ways in
calls("""
client.copy_model_version("models:/m/1", "copy").source
client.copy_model_version("models:/m@champion", "copy").version
client.copy_model_version("models:/none/1", "copy")
client.copy_model_version("m/1", "copy")
int(mlflow.register_model(f"runs:/{second.run_id}/model", "fluent", tags={"t": "1"}).version)
int(mlflow.register_model(f"runs:/{second.run_id}/model", "fluent").version)
mlflow.register_model(f"models:/{logged.model_id}", "fluent").model_id
mlflow.artifacts.load_text("models:/fluent/1/weights.txt")
mlflow.artifacts.load_text("models:/fluent@none/weights.txt")
[m.name for m in mlflow.search_registered_models(filter_string="name = 'fluent'")]
[int(v.version) for v in mlflow.search_model_versions(filter_string="name = 'fluent'", order_by=["version_number ASC"])]
mlflow.set_model_version_tag("fluent", "1", "k", "v")
client.get_logged_model(logged.model_id).tags.get("mlflow.modelVersions")
client.delete_registered_model("fluent")
client.delete_registered_model("m")
client.search_model_versions("name = 'm'")
""")

# What moves the time of the last change
changed = []


def touch(label, work):
    import time

    before = client.get_registered_model("t").last_updated_timestamp
    version = client.get_model_version("t", "1").last_updated_timestamp
    time.sleep(0.01)
    work()
    after = client.get_registered_model("t").last_updated_timestamp
    return {"model": after > before, "version": client.get_model_version("t", "1").last_updated_timestamp > version}


client.create_registered_model("t")
client.create_model_version("t", f"runs:/{first.run_id}/model", first.run_id)
for label, work in {
    "a new version": lambda: client.create_model_version("t", f"runs:/{first.run_id}/model", first.run_id),
    "a description": lambda: client.update_registered_model("t", "x"),
    "a version's description": lambda: client.update_model_version("t", "1", "x"),
    "a tag": lambda: client.set_registered_model_tag("t", "a", "b"),
    "a version's tag": lambda: client.set_model_version_tag("t", "1", "a", "b"),
    "an alias": lambda: client.set_registered_model_alias("t", "a", "1"),
    "a stage": lambda: client.transition_model_version_stage("t", "1", "Production"),
    "another version's deletion": lambda: client.delete_model_version("t", "2"),
    "an alias's deletion": lambda: client.delete_registered_model_alias("t", "a"),
}.items():
    play(f"what {label} changes", lambda: touch(label, work))
