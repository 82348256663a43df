"""The spans that serving writes, found again by MLflow's own client: alone, as part of a caller's trace, over gRPC, and of what was refused."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

import checks
import mlflow
import numpy
import tritonclient.grpc
from mlflow.tracing import get_tracing_context_headers_for_http_request

URL, EXPERIMENT = os.environ["SERVING_URL"], os.environ["MLFLOW_EXPERIMENT_ID"]
ROW = {"distance": 1000, "hhmm": 1435, "carrier": "AA", "origin": "JFK", "hour": "2013-04-01T15:00:00Z"}


def invoke(row, headers={}):
    request = urllib.request.Request(f"{URL}/invocations", json.dumps({"dataframe_records": [row]}).encode(), {"content-type": "application/json", **headers})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def spans_of(trace_id, count):
    """The trace, once it has so many spans."""
    for _ in range(200):
        trace = mlflow.get_trace(f"tr-{trace_id}", silent=True) if trace_id else None
        if trace and len(trace.data.spans) >= count:
            assert len(trace.data.spans) == count, [s.name for s in trace.data.spans]
            return trace, {s.name: s for s in trace.data.spans}
        time.sleep(0.05)
    raise AssertionError(f"no {count} spans: {trace and [s.name for s in trace.data.spans]}")


def check_alone():
    """a prediction is a trace of its own, with lookup, run and journal below the request"""
    request_id = f"alone-{uuid.uuid4()}"
    invoke(ROW, {"x-request-id": request_id})
    for _ in range(200):
        found = mlflow.search_traces(locations=[EXPERIMENT], filter_string=f"span.attributes.`millrace.request.id` = '{request_id}'", return_type="list")
        if found:
            break
        time.sleep(0.05)
    trace, spans = spans_of(found[0].info.trace_id[3:], 4)
    root = spans["POST /invocations"]
    assert set(spans) == {"POST /invocations", "features.lookup", "model.run", "journal.commit"}, spans
    assert root.parent_id is None and all(s.parent_id == root.span_id for s in spans.values() if s is not root)
    assert trace.info.state.value == "OK" and trace.info.tags["service.name"] == "millrace-serving", trace.info
    assert root.attributes["http.route"] == "/invocations" and root.attributes["http.response.status_code"] == 200 and root.attributes["millrace.model"] == "delay", root.attributes
    assert spans["model.run"].attributes["millrace.batch.rows"] == 1 and spans["model.run"].attributes["millrace.version"] == "1"
    order = [spans[name] for name in ["features.lookup", "model.run", "journal.commit"]]
    assert root.start_time_ns <= order[0].start_time_ns and all(a.end_time_ns <= b.start_time_ns for a, b in zip(order, order[1:])) and order[-1].end_time_ns <= root.end_time_ns
    assert abs(root.start_time_ns / 1e9 - time.time()) < 60
    assert "JFK" not in trace.to_json() and "1435" not in json.dumps([s.attributes for s in spans.values()])


def check_within():
    """a prediction that is part of a caller's trace stands below the caller's span"""
    with mlflow.start_span("caller") as caller:
        invoke(ROW | {"weather__wind": 10.5}, get_tracing_context_headers_for_http_request())
        trace_id = caller.trace_id[3:]
    mlflow.flush_trace_async_logging()
    trace, spans = spans_of(trace_id, 4)
    assert set(spans) == {"caller", "POST /invocations", "model.run", "journal.commit"}
    assert spans["POST /invocations"].parent_id == spans["caller"].span_id and trace.info.state.value == "OK"


def check_unsampled():
    """a caller's trace that is not sampled is not written"""
    trace_id = uuid.uuid4().hex
    invoke(ROW, {"traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-00"})
    invoke(ROW, {"traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"})
    time.sleep(0.5)
    assert mlflow.get_trace(f"tr-{trace_id}", silent=True) is None


def check_grpc():
    """a call over gRPC is told of by the conventions of RPC"""
    client = tritonclient.grpc.InferenceServerClient(os.environ["SERVING_GRPC"])
    columns = [("distance", "FP64", [1000.0], numpy.float64), ("hhmm", "INT64", [1435], numpy.int64), ("carrier", "BYTES", ["AA"], object), ("origin", "BYTES", ["JFK"], object), ("hour", "BYTES", [ROW["hour"]], object), ("weather__wind", "FP64", [10.5], numpy.float64)]
    inputs = []
    for name, datatype, values, kind in columns:
        inputs.append(tritonclient.grpc.InferInput(name, [1], datatype))
        inputs[-1].set_data_from_numpy(numpy.array(values, dtype=kind))
    trace_id = uuid.uuid4().hex
    client.infer("delay", inputs, headers={"traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-01"})
    _, spans = spans_of(trace_id, 3)
    served = spans["inference.GRPCInferenceService/ModelInfer"]
    assert served.attributes["rpc.system.name"] == "grpc" and served.attributes["rpc.status_code"] == "OK", served.attributes


def check_refused():
    """what is refused is told by its code alone"""
    trace_id = uuid.uuid4().hex
    try:
        invoke(ROW | {"distance": "hush"}, {"traceparent": f"00-{trace_id}-{uuid.uuid4().hex[:16]}-01", "authorization": "Bearer hush"})
        raise AssertionError("expected a refusal")
    except urllib.error.HTTPError as error:
        assert error.code == 400
    trace, spans = spans_of(trace_id, 1)
    refused = spans["POST /invocations"]
    assert refused.attributes["http.response.status_code"] == 400 and refused.attributes["millrace.error.code"] == "INPUT_INVALID", refused.attributes
    assert "hush" not in trace.to_json()


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
