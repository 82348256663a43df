"""Loaded by schemathesis (SCHEMATHESIS_HOOKS). JSON Schema cannot say that a tensor has as many elements as its shape says, so of what is made up nearly all would be refused before a model sees it: three in four bodies are made to fit."""

import json
from math import prod

import schemathesis

NEUTRAL = {"BYTES": "", "BOOL": False}


def scalars(data):
    for value in data:
        if isinstance(value, list):
            yield from scalars(value)
        else:
            yield value


def fitting(tensor):
    if not isinstance(tensor, dict) or not isinstance(tensor.get("shape"), list) or not isinstance(tensor.get("data"), list):
        return tensor
    if not all(isinstance(size, int) and size >= 0 for size in tensor["shape"]):
        return tensor
    shape = [size % 4 for size in tensor["shape"]]
    values = list(scalars(tensor["data"])) or [NEUTRAL.get(str(tensor.get("datatype")), 0)]
    count = prod(shape)
    return {**tensor, "shape": shape, "data": (values * (count // len(values) + 1))[:count]}


@schemathesis.hook
def map_headers(context, headers):
    # Who gives three milliseconds is told after them that there is no answer, with a 504.
    return {name: value for name, value in (headers or {}).items() if name.lower() != "x-envoy-expected-rq-timeout-ms"}


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), list):
        return body
    if len(json.dumps(body, default=str)) % 4 == 0:
        return body
    return {**body, "inputs": [fitting(tensor) for tensor in body["inputs"]]}
