"""Plays calls of experiments, runs, metrics, logged models and traces, as any client may send them, against the server at MLFLOW_TRACKING_URI, and prints one line of JSON
for each: the request and its answer, with what differs by nature (ids, times, tokens, names made at random) replaced. The lines of MLflow's own server and of ours are to be
the same, but for the messages of errors."""

import json
import os
import re

import requests

URI = os.environ["MLFLOW_TRACKING_URI"]
names = {}


def neutral(value):
    if isinstance(value, dict):
        return {key: one for key, item in sorted(value.items()) if (one := field(key, item)) not in (None, "", [], {})}
    if isinstance(value, list):
        # What MLflow makes of a value that is no number.
        shown = [neutral(item) for item in value if not (isinstance(item, dict) and item.get("key") == "strange")]
        return sorted(shown, key=lambda pair: pair["key"]) if shown and all(isinstance(item, dict) and "key" in item for item in shown) else shown
    # MLflow stores infinity as the greatest double, and answers with that.
    if value == 1.7976931348623157e308:
        return "Infinity"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        value = re.sub("x{100,}", lambda run: f"<{len(run[0])} x>", value)
        for secret, name in names.items():
            value = value.replace(secret, name)
    return value


def field(key, value):
    # Of theirs only, or of ours only, and no client depends on them.
    if key in ("message", "code", "details", "error_class", "sqlstate", "workspace", "mlflow.trace.infoFinalized"):
        return None
    if re.search("_time$|_timestamp_ms$|^(creation|last_update)", key) and value:
        return "TIME" if not isinstance(value, int) or value > 10_000_000 else value
    if key == "next_page_token":
        return "TOKEN" if value else None
    return neutral(value)


def call(request, body=None, keep=None, **query):
    method, path = request.split()
    path = path.format(**{name: secret for secret, name in ((s, n.strip("<>")) for s, n in names.items())})
    answer = requests.request(method, f"{URI}/{path if path.startswith(('ajax-api', 'api', 'get-')) else 'api/2.0/mlflow/' + path}", json=body, params=query or None, timeout=30)
    try:
        content = answer.json()
    except ValueError:
        content = {"text": answer.text[:60]}
    if keep and answer.ok:
        name, *parts = keep
        found = content
        for part in parts:
            found = found[part]
        names[str(found)] = f"<{name}>"
    print(json.dumps({"call": f"{request} {json.dumps(neutral(body if body is not None else query))}"[:300], "status": answer.status_code, "answer": neutral(content)}), flush=True)
    return content


# Experiments
call("POST experiments/create", {"name": "oracle", "tags": [{"key": "a", "value": "1"}]}, keep=("E", "experiment_id"))
E = next(secret for secret, name in names.items() if name == "<E>")
del names[E]
for body in [{"name": "oracle"}, {}, {"name": ""}, {"name": 5}, {"name": "x" * 501}, {"name": "tags", "tags": [{"key": "", "value": "x"}]}, {"name": "bad tag", "tags": [{"key": "../a", "value": "x"}]}]:
    call("POST experiments/create", body)
for query in [{"experiment_name": "oracle"}, {"experiment_name": "none"}, {}]:
    call("GET experiments/get-by-name", **query)
for query in [{"experiment_id": E}, {"experiment_id": "999"}, {}]:
    call("GET experiments/get", **query)
call("POST experiments/set-experiment-tag", {"experiment_id": E, "key": "b", "value": "2"})
call("POST experiments/set-experiment-tag", {"experiment_id": E, "value": "2"})
call("POST experiments/delete-experiment-tag", {"experiment_id": E, "key": "none"})
call("POST experiments/update", {"experiment_id": E, "new_name": "oracle 2"})
call("POST experiments/update", {"experiment_id": "999", "new_name": "x"})
for body in [
    {"filter": "name = 'oracle 2'"}, {"filter": "name LIKE 'oracle%'"}, {"filter": "name ILIKE 'ORACLE%'"}, {"filter": "tags.a = '1' AND tags.b != '3'"}, {"filter": "tag.`a` = \"1\""},
    {"filter": "attribute.name = 'none'"}, {"max_results": 1, "order_by": ["name ASC"]}, {"max_results": 0}, {"max_results": 60000}, {"filter": "name = 5"}, {"filter": "nothing = 'x'"},
    {"filter": "name = 'a' OR name = 'b'"}, {"order_by": ["nothing ASC"]}, {"page_token": "nonsense"}, {"view_type": "DELETED_ONLY", "filter": "name = 'oracle 2'"}, {"filter": "creation_time > 0 AND name = 'oracle 2'"},
]:
    call("POST experiments/search", body if "max_results" in body else {**body, "max_results": 10})

# Runs
tags = [{"key": "mlflow.user", "value": "u"}]
call("POST runs/create", {"experiment_id": E, "start_time": 1000, "run_name": "first", "tags": tags}, keep=("A", "run", "info", "run_id"))
call("POST runs/create", {"experiment_id": E, "start_time": "2000", "tags": [*tags, {"key": "mlflow.runName", "value": "second"}]}, keep=("B", "run", "info", "run_id"))
A, B = [next(secret for secret, name in names.items() if name == wanted) for wanted in ("<A>", "<B>")]
call("POST runs/create", {"experiment_id": "999"})
call("POST runs/create", {"experiment_id": E, "run_name": "x", "tags": [{"key": "mlflow.runName", "value": "y"}]})
for query in [{"run_id": A}, {"run_uuid": A}, {"run_id": "0" * 32}, {}]:
    call("GET runs/get", **query)
points = [{"key": "m", "value": 0.1 * i, "timestamp": 100 + i, "step": i} for i in range(10)]
for body in [
    {"run_id": A, "metrics": points, "params": [{"key": "p", "value": "1"}, {"key": "q", "value": ""}], "tags": [{"key": "t", "value": "x"}]},
    {"run_id": A, "metrics": points},
    {"run_id": A, "metrics": [{"key": "nan", "value": "NaN", "timestamp": 1}, {"key": "inf", "value": "Infinity", "timestamp": "1", "step": "2"}]},
    {"run_id": A, "params": [{"key": "p", "value": "1"}]},
    {"run_id": A, "params": [{"key": "p", "value": "2"}]},
    {"run_id": A, "params": [{"key": "d", "value": "1"}, {"key": "d", "value": "1"}]},
    {"run_id": A, "params": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}]},
    {"run_id": B, "strange": True, "metrics": [{"key": "strange", "value": "high", "timestamp": 1}]},
    {"run_id": A, "metrics": [{"key": "m", "value": 1}]},
    {"run_id": A, "metrics": [{"key": "../m", "value": 1, "timestamp": 1}]},
    {"run_id": A, "metrics": [{"value": 1, "timestamp": 1}]},
    {"run_id": A, "tags": [{"key": "k" * 251, "value": "x"}]},
    {"run_id": A, "tags": [{"key": "k", "value": "x" * 8001}]},
    {"run_id": A, "params": [{"key": "long", "value": "x" * 6001}]},
    {"run_id": A, "metrics": [{"key": "m", "value": 1, "timestamp": i} for i in range(1001)]},
    {"run_id": A, "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
    {"run_id": A},
    {},
    {"run_id": "none"},
]:
    call("POST runs/log-batch", body)
for body in [{"run_id": B, "key": "m", "value": 5, "timestamp": 7}, {"run_id": B, "key": "m", "value": 4, "timestamp": 9, "step": 0}, {"run_id": B, "value": 4, "timestamp": 9}, {"run_id": B, "key": "n", "value": 1e308, "timestamp": 9}]:
    call("POST runs/log-metric", body)
call("POST runs/log-parameter", {"run_id": B, "key": "p", "value": "2"})
call("POST runs/log-parameter", {"run_id": B, "key": "p", "value": "3"})
call("POST runs/set-tag", {"run_id": B, "key": "t", "value": "y"})
call("POST runs/delete-tag", {"run_id": B, "key": "none"})
call("POST runs/log-inputs", {"run_id": A, "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}}]})
call("POST ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": [E]})
call("POST ajax-api/2.0/mlflow/experiments/search-datasets", {})
call("GET runs/get", run_id=A)
for query in [{"run_id": A, "metric_key": "m"}, {"run_id": A, "metric_key": "m", "max_results": 4}, {"run_id": A, "metric_key": "none"}, {"run_id": A}, {"run_id": "0" * 32, "metric_key": "m"}, {"run_id": A, "metric_key": "nan"}]:
    call("GET metrics/get-history", **query)
for query in [
    {"run_ids": [A, B], "metric_key": "m", "max_results": 3}, {"run_ids": [A], "metric_key": "m", "max_results": 1}, {"run_ids": [A], "metric_key": "m", "start_step": 2, "end_step": 4},
    {"run_ids": [A], "metric_key": "m", "start_step": 4}, {"run_ids": [A], "metric_key": "m", "start_step": 4, "end_step": 2}, {"run_ids": [A], "metric_key": "m", "max_results": 0},
    {"run_ids": [A], "metric_key": "m", "max_results": 2501}, {"metric_key": "m"}, {"run_ids": [A]}, {"run_ids": ["0" * 32], "metric_key": "m"}, {"run_ids": [B], "metric_key": "m"},
]:
    call("GET ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", **query)
for query in [{"run_id": [A], "metric_key": "m", "max_results": 3}, {"run_id": [A]}, {"metric_key": "m"}]:
    call("GET ajax-api/2.0/mlflow/metrics/get-history-bulk", **query)
for text in [
    "", "metrics.m > 1", "metric.m <= 4", "metrics.m != 4", "params.p = '1'", "param.p LIKE '%'", "parameters.p ILIKE '1'", "tags.t = 'x'", "tags.t IS NULL", "tags.none IS NULL", "attributes.status = 'RUNNING'",
    "status != 'RUNNING'", "run_name = 'first'", "attribute.run_name LIKE 's%'", "start_time > 1500", "attributes.start_time = 1000", "dataset.name = 'd'", "datasets.context = 'training'", "dataset.digest IN ('1', '2')",
    "metrics.m > 0 and params.p = '1'", "metrics.`m` > 0", 'params."p" = "2"', "metrics.m = '4'", "params.p = 1", "nothing.x = 'a'", "metrics.m >> 1", "metrics.m >", "name = 'x' or name = 'y'", "run_id = 'x'",
    "user_id = 'u'", "artifact_uri LIKE '%'", "end_time > 0",
]:
    call("POST runs/search", {"experiment_ids": [E], "filter": text, "max_results": 50})
for order in [["metrics.m DESC"], ["metrics.m ASC"], ["params.p"], ["start_time ASC"], ["attributes.start_time DESC", "tags.t"], ["metrics.none ASC"], ["nothing"], ["metrics.m", "metrics.m"], ["dataset.name"]]:
    call("POST runs/search", {"experiment_ids": [E], "order_by": order, "max_results": 50})
for body in [{"max_results": 1}, {"max_results": 0}, {"max_results": 50001}, {"run_view_type": "DELETED_ONLY", "max_results": 5}, {"page_token": "x", "max_results": 5}]:
    call("POST runs/search", {"experiment_ids": [E], **body})
call("POST runs/update", {"run_id": A, "status": "FINISHED", "end_time": 5000, "run_name": "renamed"})
call("POST runs/update", {"run_id": A, "status": "ASLEEP"})
call("POST runs/delete", {"run_id": A})
call("POST runs/log-metric", {"run_id": A, "key": "m", "value": 1, "timestamp": 1})
call("GET runs/get", run_id=A)
call("POST runs/restore", {"run_id": A})
call("GET artifacts/list", run_id=A)
call("GET artifacts/list", run_id=A, path="../x")
call("GET artifacts/list")
call("GET get-artifact", run_id=A, path="none.txt")
call("GET get-artifact", run_id=A, path="../../x")
call("POST runs/log-model", {"run_id": A, "model_json": "{}"})
call("POST runs/log-model", {"run_id": A, "model_json": "not json"})

# Logged models
call("POST logged-models", {"experiment_id": E, "name": "lm", "source_run_id": A, "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "1"}]}, keep=("M", "model", "info", "model_id"))
M = next(secret for secret, name in names.items() if name == "<M>")
call("POST logged-models", {"experiment_id": "999", "name": "lm"})
call("POST logged-models", {"experiment_id": E, "name": "a/b"})
for request, body in [
    ("GET logged-models/{M}", None), ("PATCH logged-models/{M}", {"model_id": M, "status": "LOGGED_MODEL_READY"}), ("PATCH logged-models/{M}/tags", {"model_id": M, "tags": [{"key": "u", "value": "2"}]}), ("DELETE logged-models/{M}/tags/t", None),
    ("DELETE logged-models/{M}/tags/none", None), ("POST logged-models/{M}/params", {"model_id": M, "params": [{"key": "q", "value": "2"}]}), ("GET logged-models/m-none", None), ("GET logged-models/{M}", None),
]:
    call(request, body)
for text in ["", "name = 'lm'", "params.p = '1'", "tags.u = '2'", "status = 'READY'", "metrics.x > 0", "nothing = 'x'", "model_type = ''", "creation_timestamp > 0", "source_run_id = 'x'"]:
    call("POST logged-models/search", {"experiment_ids": [E], "filter": text})
call("DELETE logged-models/{M}")
call("GET logged-models/{M}")

# Traces
place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": E}}
T = "tr-" + "1" * 32
call("POST api/3.0/mlflow/traces", {"trace": {"trace_info": {"trace_id": T, "trace_location": place, "request_time": "2026-01-01T00:00:00.250Z", "execution_duration": "1.500s", "state": "OK", "tags": {"mlflow.traceName": "t"}, "trace_metadata": {"a": "b"}}}})
for path in [f"traces/{T}", "traces/tr-none"]:
    call(f"GET api/3.0/mlflow/{path}")
for text in ["", "trace.status = 'OK'", "tags.x IS NULL", "metadata.a = 'b'", "name = 't'", "execution_time_ms = 1500", "timestamp_ms > 5", "status = 'ERROR'", "nothing = 'x'", "feedback.q > 1", "span.color = 'x'", "request_id = 'x'", "execution_time_ms = 'x'"]:
    call("POST api/3.0/mlflow/traces/search", {"locations": [place], "filter": text})
call("POST api/3.0/mlflow/traces/search", {"locations": [place], "max_results": 501})
call(f"PATCH traces/{T}/tags", {"key": "k", "value": "v"})
call(f"DELETE traces/{T}/tags", {"key": "none"})
call(f"POST api/3.0/mlflow/traces/{T}/assessments", {"assessment": {"assessment_name": "q", "feedback": {"value": 3}, "source": {"source_type": "HUMAN", "source_id": "u"}}}, keep=("Q", "assessment", "assessment_id"))
call(f"GET api/3.0/mlflow/traces/{T}/assessments/none")
call("POST traces/delete-traces", {"experiment_id": E, "request_ids": [T]})
call("POST experiments/delete", {"experiment_id": E})
call("POST experiments/delete", {"experiment_id": E})
call("POST runs/create", {"experiment_id": E})
call("POST experiments/restore", {"experiment_id": E})
call("POST experiments/restore", {"experiment_id": E})
call("GET nothing/here")
