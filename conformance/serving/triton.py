"""tritonclient over HTTP, with tensors raw and in JSON, and over gRPC: each check asks all three."""

import json
import os
import shutil
import sys
import time

import numpy as np
import onnxruntime
import tritonclient.grpc as by_grpc
import tritonclient.http as by_http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import checks

HTTP = by_http.InferenceServerClient(os.environ["SERVING_URL"].removeprefix("http://"))
GRPC = by_grpc.InferenceServerClient(os.environ["SERVING_GRPC"])
MODELS = os.environ["MODELS"]
ZIPMAP = json.load(open(os.environ["ZIPMAP"]))

VALUES = {
    "BOOL": np.array([[True, False]]),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-32768, 32767]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**53) + 1, 2**53 - 1]], np.int64),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**53 - 1]], np.uint64),
    "FP16": np.array([[1.5, -65504]], np.float16),
    "FP32": np.array([[0.1, -1e38]], np.float32),
    "FP64": np.array([[0.1, 1e300]], np.float64),
    "BYTES": np.array([["zwölf ✓", ""]], object),
}


class Way:
    def __init__(self, name, module, client, **form):
        self.name, self.module, self.client, self.form = name, module, client, form

    def tensor(self, name, array):
        made = self.module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        made.set_data_from_numpy(array, **self.form)
        return made

    def infer(self, model, inputs, outputs=None, **more):
        wanted = outputs and [self.module.InferRequestedOutput(name, **self.form) for name in outputs]
        return self.client.infer(model, [self.tensor(name, array) for name, array in inputs.items()], outputs=wanted, **more)


WAYS = [Way("HTTP, raw", by_http, HTTP, binary_data=True), Way("HTTP, JSON", by_http, HTTP, binary_data=False), Way("gRPC", by_grpc, GRPC)]

for _ in range(400):
    if HTTP.is_server_ready():
        break
    time.sleep(0.05)


def direct(model, inputs, outputs):
    """What ONNX Runtime itself gives for the model's file."""
    session = onnxruntime.InferenceSession(f"{MODELS}/{model}/1/model.onnx", providers=["CPUExecutionProvider"])
    return session.run(outputs, inputs)


def check_server_and_models_are_described_alike():
    assert HTTP.is_server_live() and GRPC.is_server_live() and HTTP.is_server_ready() and GRPC.is_server_ready()
    assert HTTP.get_server_metadata() == GRPC.get_server_metadata(as_json=True)
    for model in ("pixels", "sklearn", "delay", "BYTES"):
        assert HTTP.is_model_ready(model) and GRPC.is_model_ready(model)
        ours, theirs = HTTP.get_model_metadata(model), GRPC.get_model_metadata(model, as_json=True)
        for key in ("name", "versions", "platform"):
            assert ours[key] == theirs[key], (ours, theirs)
        for key in ("inputs", "outputs"):
            a = [(t["name"], t["datatype"], [int(d) for d in t["shape"]]) for t in ours[key]]
            b = [(t["name"], t["datatype"], [int(d) for d in t["shape"]]) for t in theirs[key]]
            assert a == b, (a, b)
    assert not HTTP.is_model_ready("other") and not GRPC.is_model_ready("other")
    assert not HTTP.is_model_ready("pixels", "9") and not GRPC.is_model_ready("pixels", "9")


def check_every_datatype_comes_back_as_it_was():
    for datatype, values in VALUES.items():
        for way in WAYS:
            if datatype == "FP16" and way.name == "HTTP, JSON":
                continue  # tritonclient itself refuses to send it so
            result = way.infer(datatype, {"x": values})
            answer = result.as_numpy("y")
            if datatype == "BYTES":
                answer = np.array([[v.decode() if isinstance(v, bytes) else v for v in row] for row in answer], object)
            assert answer.shape == values.shape and (answer == values).all(), (way.name, datatype, answer)


def check_raw_tensors_keep_all_64_bits():
    for datatype, values in (("INT64", np.array([[-(2**63), 2**63 - 1]], np.int64)), ("UINT64", np.array([[0, 2**64 - 1]], np.uint64))):
        for way in (WAYS[0], WAYS[2]):
            assert (way.infer(datatype, {"x": values}).as_numpy("y") == values).all(), (way.name, datatype)


def check_nan_and_infinity_pass_raw():
    values = np.array([[np.nan, np.inf]], np.float32)
    for way in (WAYS[0], WAYS[2]):
        np.testing.assert_array_equal(way.infer("FP32", {"x": values}).as_numpy("y"), values)


def check_several_inputs_and_outputs_are_as_onnx_runtime_gives_them():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    a, b = np.array([[1.5], [2]], np.float32), np.array([3, -4], np.int64)
    for way in WAYS:
        result = way.infer("pixels", {"x": x}, request_id="from-triton")
        total, shape = direct("pixels", {"x": x}, ["total", "shape"])
        np.testing.assert_array_equal(result.as_numpy("total"), total)
        np.testing.assert_array_equal(result.as_numpy("shape"), shape)
        response = result.get_response()
        assert (response["id"] if isinstance(response, dict) else response.id) == "from-triton"
        only = way.infer("pixels", {"x": x}, outputs=["shape"])
        assert only.as_numpy("total") is None and only.as_numpy("shape").tolist() == [2, 3, 2, 2]
        np.testing.assert_array_equal(way.infer("plain", {"a": a, "b": b}).as_numpy("prediction"), direct("plain", {"a": a, "b": b}, None)[0])


def check_classifiers_exported_with_zipmap_give_tensors():
    rows = np.array(ZIPMAP["rows"], np.float32)
    for model in ("sklearn", "lightgbm"):
        metadata = HTTP.get_model_metadata(model)
        (given,), answer = metadata["inputs"], metadata["outputs"][1]
        assert answer["datatype"] == "FP32", metadata
        for way in WAYS:
            result = way.infer(model, {given["name"]: rows})
            np.testing.assert_allclose(result.as_numpy(answer["name"]), ZIPMAP[model], atol=1e-4)


def check_a_model_with_feature_engineering_takes_its_columns():
    columns = {
        "distance": np.array([1000.0, 500.0]),
        "hhmm": np.array([1435, 900], np.int64),
        "carrier": np.array(["AA", "UA"], object),
        "origin": np.array(["JFK", "LGA"], object),
        "hour": np.array(["2013-04-01T15:00:00Z"] * 2, object),
        "weather__wind": np.array([10.5, 3.0]),
    }
    answers = [way.infer("delay", columns).as_numpy("probability") for way in WAYS]
    assert answers[0].shape == (2,) and ((answers[0] > 0) & (answers[0] < 1)).all()
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("it answered")


def check_extensions_that_are_not_offered_say_so():
    for ask, words in ((HTTP.get_model_config, "the model configuration extension is not offered"), (HTTP.get_inference_statistics, "the statistics extension is not offered")):
        error = refused(lambda: ask("pixels"))
        assert error.status() == "404" and words in error.message(), error


def check_a_tensor_of_truths_is_taken_for_numbers():
    for way in WAYS:
        answer = way.infer("FP32", {"x": np.array([[True, False]])}).as_numpy("y")
        assert answer.dtype == np.float32 and answer.tolist() == [[1, 0]], (way.name, answer)


def check_what_is_wrong_is_said():
    x = np.ones((1, 3, 2, 2), np.float32)
    for way in WAYS:
        assert "no model other" in str(refused(lambda: way.infer("other", {"x": x})))
        assert "version 9" in str(refused(lambda: way.infer("pixels", {"x": x}, model_version="9")))
        assert "takes x" in str(refused(lambda: way.infer("pixels", {"y": x})))
        assert "shape" in str(refused(lambda: way.infer("pixels", {"x": x.reshape(1, 12)})))
        assert "outputs" in str(refused(lambda: way.infer("pixels", {"x": x}, outputs=["z"])))
    codes = {"other": "StatusCode.NOT_FOUND", "pixels": "StatusCode.INVALID_ARGUMENT"}
    for model, code in codes.items():
        assert refused(lambda: WAYS[2].infer(model, {"y": x})).status() == code


def check_models_are_listed_unloaded_and_loaded():
    def listed():
        ours = [(m["name"], m["version"], m["state"]) for m in HTTP.get_model_repository_index()]
        theirs = [(m.name, m.version, m.state) for m in GRPC.get_model_repository_index().models]
        assert ours == theirs
        return dict((name, (version, state)) for name, version, state in ours)

    assert listed()["delay"] == ("2", "READY")
    x = np.ones((1, 3, 2, 2), np.float32)
    for client in (HTTP, GRPC):
        client.unload_model("pixels")
        assert listed()["pixels"][1] == "UNAVAILABLE"
        assert not HTTP.is_model_ready("pixels") and not GRPC.is_model_ready("pixels")
        assert refused(lambda: WAYS[2].infer("pixels", {"x": x})).status() == "StatusCode.UNAVAILABLE"
        client.load_model("pixels")
        assert WAYS[0].infer("pixels", {"x": x}).as_numpy("total").tolist() == [12]
        refused(lambda: client.load_model("pixels", config="{}"))
        refused(lambda: client.load_model("pixels", config="{}", files={"file:1/model.onnx": b"x"}))
        refused(lambda: client.load_model("other"))
    shutil.copytree(f"{MODELS}/pixels/1", f"{MODELS}/pixels/2")
    GRPC.load_model("pixels")
    assert listed()["pixels"] == ("2", "READY")


def check_many_at_once_over_grpc_each_get_their_own():
    results = []
    for i in range(200):
        GRPC.async_infer("plain", [WAYS[2].tensor("a", np.array([[i]], np.float32)), WAYS[2].tensor("b", np.array([0], np.int64))], lambda result, error, i=i: results.append((i, error or result.as_numpy("prediction").item())))
    for _ in range(200):
        if len(results) == 200:
            break
        time.sleep(0.05)
    assert sorted(results) == [(i, 2.0 * i) for i in range(200)], results[:5]


checks.run(sys.modules[__name__])
