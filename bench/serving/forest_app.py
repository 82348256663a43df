"""The peer of bench/serving/random-forest.ts: the same ONNX model behind FastAPI, as one would write it by hand, with the Open Inference Protocol's JSON.
MODEL names the file. No journal, no metrics; started with `uvicorn forest_app:app`."""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


class Output(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Response(BaseModel):
    model_name: str
    outputs: list[Output]


app = FastAPI()


@app.post("/v2/models/forest/infer")
async def infer(request: Request) -> Response:
    tensor = request.inputs[0]
    label, probabilities = session.run(None, {tensor.name: np.array(tensor.data, np.float32).reshape(tensor.shape)})
    outputs = [("label", "INT64", label), ("probabilities", "FP32", probabilities)]
    return Response(
        model_name="forest",
        outputs=[Output(name=name, shape=list(value.shape), datatype=datatype, data=value.ravel().tolist()) for name, datatype, value in outputs],
    )


@app.get("/ping")
async def ping() -> str:
    return "ok"
