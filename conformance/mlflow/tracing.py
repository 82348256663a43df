"""Traces through MLflow's tracing API and client: spans, tags, searches, assessments, links to runs, deletion, and OpenTelemetry's own exporters."""

import json
import sys
import time
import urllib.request

import checks
import mlflow
from mlflow.entities import AssessmentSource, SpanType
from mlflow.exceptions import MlflowException

client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("traces").experiment_id


@mlflow.trace(name="add", span_type=SpanType.TOOL, attributes={"kind": "sum"})
def add(a, b):
    return a + b


def flushed(trace_id):
    mlflow.flush_trace_async_logging()
    return mlflow.get_trace(trace_id)


def check_spans():
    """a trace keeps its spans: inputs, outputs, attributes of every type, events, status and order"""
    with mlflow.start_span("root", span_type=SpanType.CHAIN) as root:
        root.set_inputs({"question": "größe?"})
        root.set_attributes({"text": "a", "count": 3, "whole": 1.0, "rate": 0.25, "yes": True, "none": None, "list": [1, "b", 2.5], "map": {"k": {"deep": [True]}}, "big": 2**60})
        add(1, 2)
        with mlflow.start_span("child") as child:
            child.add_event(mlflow.entities.SpanEvent("happened", attributes={"n": 1}))
        root.set_outputs("an answer")
    trace = flushed(root.trace_id)
    assert trace.info.state.value == "OK" and trace.info.experiment_id == experiment and trace.info.execution_duration >= 0, trace.info
    assert [span.name for span in trace.data.spans] == ["root", "add", "child"], trace.data.spans
    back = trace.data.spans[0]
    assert back.inputs == {"question": "größe?"} and back.outputs == "an answer" and back.span_type == "CHAIN" and back.parent_id is None
    expected = {"text": "a", "count": 3, "whole": 1.0, "rate": 0.25, "yes": True, "none": None, "list": [1, "b", 2.5], "map": {"k": {"deep": [True]}}, "big": 2**60}
    assert {key: back.attributes[key] for key in expected} == expected, back.attributes
    assert isinstance(back.attributes["whole"], float) and isinstance(back.attributes["count"], int)
    tool = trace.data.spans[1]
    assert tool.inputs == {"a": 1, "b": 2} and tool.outputs == 3 and tool.attributes["kind"] == "sum" and tool.parent_id == back.span_id and tool.span_type == "TOOL"
    assert back.start_time_ns == root.start_time_ns and back.end_time_ns == root.end_time_ns
    assert [(event.name, event.attributes) for event in trace.data.spans[2].events] == [("happened", {"n": 1})]
    assert json.loads(trace.data.request) == {"question": "größe?"} and trace.info.tags["mlflow.traceName"] == "root"


def check_failure():
    """a trace whose root raises is in error, with the exception as an event"""
    try:
        with mlflow.start_span("fails") as span:
            raise ValueError("on purpose")
    except ValueError:
        pass
    trace = flushed(span.trace_id)
    assert trace.info.state.value == "ERROR" and trace.data.spans[0].status.status_code.value == "ERROR"
    assert trace.data.spans[0].events[0].name == "exception"


def check_tags():
    """tags are set, changed and removed; those of the server are not for clients"""
    with mlflow.start_span("tagged") as span:
        mlflow.update_current_trace(tags={"team": "a"}, metadata={"customer": "c1"})
    trace_id = span.trace_id
    flushed(trace_id)
    mlflow.set_trace_tag(trace_id, "team", "b")
    client.set_trace_tag(trace_id, "more", "x" * 9000)
    trace = mlflow.get_trace(trace_id)
    assert trace.info.tags["team"] == "b" and len(trace.info.tags["more"]) >= 4096 and trace.info.trace_metadata["customer"] == "c1"
    client.delete_trace_tag(trace_id, "team")
    assert "team" not in mlflow.get_trace(trace_id).info.tags
    for work in [lambda: client.delete_trace_tag(trace_id, "team"), lambda: client.set_trace_tag("tr-" + "0" * 32, "a", "b")]:
        try:
            work()
            raise AssertionError("expected a refusal")
        except MlflowException as error:
            assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error


def check_search():
    """search_traces filters, orders and pages"""
    place = mlflow.set_experiment("searched traces").experiment_id
    ids = {}
    try:
        for i in range(6):
            with mlflow.start_span(f"s{i}", span_type="LLM" if i % 2 else "TOOL") as span:
                span.set_attribute("model", f"m{i % 3}")
                mlflow.update_current_trace(tags={"half": "a" if i < 3 else "b"}, metadata={"n": str(i)}, client_request_id=f"req-{i}")
                if i == 5:
                    span.set_status("ERROR")
            ids[span.trace_id] = i
            time.sleep(0.005)
        mlflow.flush_trace_async_logging()
    finally:
        mlflow.set_experiment("traces")
    find = lambda text=None, **more: [ids[t.info.trace_id] for t in mlflow.search_traces(locations=[place], filter_string=text, return_type="list", **more)]
    assert find() == [5, 4, 3, 2, 1, 0]
    assert find(order_by=["timestamp_ms ASC"]) == [0, 1, 2, 3, 4, 5]
    assert find("tags.half = 'a'") == [2, 1, 0]
    assert find("tags.half != 'a' AND trace.status = 'OK'") == [4, 3]
    assert find("metadata.n = '4'") == [4]
    assert find("trace.name LIKE 's%' AND span.type = 'LLM'") == [5, 3, 1]
    assert find("span.attributes.model = 'm1'") == [4, 1], find("span.attributes.model = 'm1'")
    assert find("span.attributes.model LIKE '%m1%'") == [4, 1]
    assert find("trace.client_request_id = 'req-2'") == [2]
    assert find("trace.client_request_id IN ('req-2', 'req-3')") == [3, 2]
    assert find("trace.status = 'ERROR'") == [5]
    assert find("tags.missing IS NULL AND tags.half IS NOT NULL") == [5, 4, 3, 2, 1, 0]
    assert find("trace.execution_time_ms >= 0 AND trace.timestamp_ms > 0") == [5, 4, 3, 2, 1, 0]
    assert find("span.content LIKE '%m2%'") == [5, 2]
    assert find(max_results=2) == [5, 4]
    page = client.search_traces(locations=[place], max_results=4)
    rest = client.search_traces(locations=[place], max_results=4, page_token=page.token)
    assert [ids[t.info.trace_id] for t in page] + [ids[t.info.trace_id] for t in rest] == [5, 4, 3, 2, 1, 0]
    frame = mlflow.search_traces(locations=[place], filter_string="metadata.n = '1'")
    assert len(frame) == 1


def check_runs():
    """a trace made within a run belongs to it; others are linked to it"""
    with mlflow.start_run() as run:
        add(2, 2)
        inside = mlflow.get_last_active_trace_id()
    add(3, 3)
    outside = mlflow.get_last_active_trace_id()
    mlflow.flush_trace_async_logging()
    of_run = lambda: {t.info.trace_id for t in mlflow.search_traces(run_id=run.info.run_id, return_type="list")}
    assert of_run() == {inside}
    client.link_traces_to_run([outside], run.info.run_id)
    assert of_run() == {inside, outside}
    assert mlflow.get_trace(inside).info.trace_metadata["mlflow.sourceRun"] == run.info.run_id


def check_assessments():
    """feedback and expectations are logged, read, changed, overridden and deleted"""
    add(5, 5)
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.flush_trace_async_logging()
    human = AssessmentSource(source_type="HUMAN", source_id="ada")
    for value in [True, 4, 0.5, "good", ["a", 1], {"k": "v"}, None]:
        made = mlflow.log_feedback(trace_id=trace_id, name=f"f {type(value).__name__}", value=value, source=human, rationale="because", metadata={"m": "1"})
        read = mlflow.get_assessment(trace_id, made.assessment_id)
        assert read.value == value and read.rationale == "because" and read.metadata == {"m": "1"} and read.source.source_id == "ada", read
    wanted = mlflow.log_expectation(trace_id=trace_id, name="answer", value={"sum": 10, "parts": [5, 5]}, source=human)
    assert mlflow.get_assessment(trace_id, wanted.assessment_id).value == {"sum": 10, "parts": [5, 5]}
    first = mlflow.log_feedback(trace_id=trace_id, name="quality", value=2, source=human)
    changed = mlflow.update_assessment(trace_id, first.assessment_id, mlflow.entities.Feedback(name="quality", value=3, rationale="better", metadata={"a": "b"}))
    assert changed.value == 3 and mlflow.get_assessment(trace_id, first.assessment_id).rationale == "better"
    second = mlflow.override_feedback(trace_id=trace_id, assessment_id=first.assessment_id, value=5, rationale="surely", source=human)
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is False
    assert [t.info.trace_id for t in mlflow.search_traces(locations=[experiment], filter_string="feedback.quality > 4", return_type="list")] == [trace_id]
    assert mlflow.search_traces(locations=[experiment], filter_string="feedback.quality = '3'", return_type="list") == []
    assert len(mlflow.search_traces(locations=[experiment], filter_string="feedback.`f str` = 'good'", return_type="list")) == 1
    mlflow.delete_assessment(trace_id, second.assessment_id)
    assert mlflow.get_assessment(trace_id, first.assessment_id).valid is True
    error = mlflow.log_feedback(trace_id=trace_id, name="failed", error=ValueError("no judge"), source=human)
    assert mlflow.get_assessment(trace_id, error.assessment_id).error.error_message == "no judge"
    names = {a.name for a in mlflow.get_trace(trace_id).info.assessments}
    assert {"answer", "quality", "failed", "f bool"} <= names, names


def check_log_trace():
    """a trace is logged at once, and a long one in threads"""
    trace_id = mlflow.log_trace(name="whole", request={"q": 1}, response={"a": 2}, execution_time_ms=1500, tags={"t": "1"})
    trace = flushed(trace_id)
    assert trace.info.tags["t"] == "1" and len(trace.data.spans) == 1 and trace.data.spans[0].outputs == {"a": 2}, trace
    with mlflow.start_span("many") as span:
        for i in range(300):
            with mlflow.start_span(f"part {i}") as part:
                part.set_inputs({"i": i})
    trace = flushed(span.trace_id)
    assert len(trace.data.spans) == 301 and {s.inputs["i"] for s in trace.data.spans[1:]} == set(range(300))


def check_delete():
    """traces are deleted by id and by age"""
    place = mlflow.set_experiment("deleted traces").experiment_id
    ids = []
    try:
        for _ in range(5):
            add(1, 1)
            ids.append(mlflow.get_last_active_trace_id())
            time.sleep(0.005)
        mlflow.flush_trace_async_logging()
    finally:
        mlflow.set_experiment("traces")
    assert client.delete_traces(place, trace_ids=ids[:1]) == 1
    assert client.delete_traces(place, max_timestamp_millis=int(time.time() * 1000), max_traces=2) == 2
    left = {t.info.trace_id for t in mlflow.search_traces(locations=[place], return_type="list")}
    assert left == set(ids[3:]), left
    assert mlflow.get_trace(ids[0]) is None


def check_usage():
    """token usage adds up over the spans and is seen in the trace and its metrics"""
    with mlflow.start_span("call", span_type="CHAT_MODEL") as span:
        span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15})
    trace = flushed(span.trace_id)
    assert trace.info.token_usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}, trace.info.token_usage
    from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType

    store = mlflow.tracking._tracking_service.utils._get_store()
    points = store.query_trace_metrics([experiment], MetricViewType.TRACES, "total_tokens", [MetricAggregation(AggregationType.SUM), MetricAggregation(AggregationType.PERCENTILE, 50)])
    assert points[0].values == {"SUM": 15.0, "P50.0": 15.0}, points
    counts = store.query_trace_metrics([experiment], MetricViewType.SPANS, "span_count", [MetricAggregation(AggregationType.COUNT)], dimensions=["span_type"])
    assert {p.dimensions["span_type"]: p.values["COUNT"] for p in counts}["CHAT_MODEL"] == 1.0, counts
    result = store.calculate_trace_filter_correlation([experiment], "trace.status = 'ERROR'", "trace.name = 'fails'")
    assert result.npmi == 1.0 and result.joint_count == 1, result


def check_otlp():
    """OpenTelemetry's own wire formats arrive: protobuf, compressed, and JSON"""
    import gzip

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    def post(body, headers):
        request = urllib.request.Request(f"{mlflow.get_tracking_uri()}/v1/traces", body, {"x-mlflow-experiment-id": experiment, **headers}, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    export = ExportTraceServiceRequest()
    resource = export.resource_spans.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "shop"
    for i, (name, parent) in enumerate([("root", b""), ("leaf", bytes(7) + b"\x01")]):
        span = resource.scope_spans.add().spans.add()
        span.trace_id, span.span_id, span.parent_span_id, span.name = bytes(range(16)), bytes(7) + bytes([i + 1]), parent, name
        span.start_time_unix_nano, span.end_time_unix_nano = 1_700_000_000_123_456_789 + i, 1_700_000_001_000_000_000
        value = span.attributes.add()
        value.key, value.value.int_value = "i", -i
        span.status.code = 1
    post(gzip.compress(export.SerializeToString()), {"content-type": "application/x-protobuf", "content-encoding": "gzip"})
    trace = mlflow.get_trace("tr-" + bytes(range(16)).hex())
    assert [s.name for s in trace.data.spans] == ["root", "leaf"] and trace.data.spans[1].attributes["i"] == -1
    assert trace.data.spans[0].start_time_ns == 1_700_000_000_123_456_789 and trace.info.state.value == "OK" and trace.info.tags["service.name"] == "shop"
    assert trace.info.request_time == 1_700_000_000_123 and trace.info.execution_duration == 877
    text = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "f" * 32, "spanId": "a" * 16, "name": "json", "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000500000000", "attributes": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}}], "status": {"code": 2, "message": "no"}}]}]}]}
    post(json.dumps(text).encode(), {"content-type": "application/json"})
    trace = mlflow.get_trace("tr-" + "f" * 32)
    assert trace.info.state.value == "ERROR" and trace.data.spans[0].attributes["a"] == [1, "x"] and trace.data.spans[0].status.description == "no"
    for body, headers in [(b"\xff\xff\xff", {"content-type": "application/x-protobuf"}), (b"{}", {"content-type": "application/json"}), (b"x", {"content-type": "text/plain"})]:
        try:
            post(body, headers)
            raise AssertionError("expected a refusal")
        except urllib.error.HTTPError as error:
            assert error.code == 400, error.code


if __name__ == "__main__":
    checks.run(sys.modules[__name__])
