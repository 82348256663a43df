"""The peer of bench/serving: the same ONNX model behind FastAPI, as one would write it by hand. Validates with pydantic, engineers the same inputs from
the same raw row, runs onnxruntime. No journal, no metrics. MODEL names the model folder; started with `uvicorn fastapi_app:app`."""

import json
import math
import os
from datetime import date, datetime
from typing import Optional

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

FOLDER = os.environ["MODEL"]
SPEC = json.load(open(os.path.join(FOLDER, "features.json")))
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = ort.InferenceSession(os.path.join(FOLDER, "model.onnx"), options, providers=["CPUExecutionProvider"])


class Row(BaseModel):
    time_hour: datetime
    minute: int
    year: int
    month: int
    day: int
    sched_dep_time: int
    sched_arr_time: int
    distance: int
    carrier: str
    origin: str
    dest: str
    recent_delays__mean_dep_delay: Optional[float] = None
    recent_delays__share_late: Optional[float] = None
    recent_delays__departures: Optional[float] = None
    weather__temp: Optional[float] = None
    weather__humid: Optional[float] = None
    weather__wind_dir: Optional[float] = None
    weather__wind_speed: Optional[float] = None
    weather__wind_gust: Optional[float] = None
    weather__precip: Optional[float] = None
    weather__pressure: Optional[float] = None
    weather__visib: Optional[float] = None


class Request(BaseModel):
    dataframe_records: list[Row]


class Prediction(BaseModel):
    label: int
    probability: float


class Response(BaseModel):
    predictions: list[Prediction]


def minutes(hhmm: float) -> float:
    return hhmm // 100 * 60 + hhmm % 100


TRANSFORMS = {
    "passthrough": lambda a: a,
    "day_of_week": lambda year, month, day: date(int(year), int(month), int(day)).isoweekday(),
    "minutes_of_hhmm": minutes,
    "minutes_between_hhmm": lambda a, b: (minutes(b) - minutes(a) + 1440) % 1440,
}
NUMERIC = [(TRANSFORMS[i["transform"]], [c.replace(":", "__") for c in i["of"]]) for i in SPEC["numeric"]]
CATEGORICAL = [i["of"][0].replace(":", "__") for i in SPEC["categorical"]]


def number(row: Row, column: str) -> float:
    value = getattr(row, column)
    return math.nan if value is None else value


app = FastAPI()


@app.post("/invocations")
async def predict(request: Request) -> Response:
    rows = request.dataframe_records
    numeric = np.array([[apply(*(number(row, c) for c in columns)) for apply, columns in NUMERIC] for row in rows], dtype=np.float32)
    categorical = np.array([[getattr(row, c) for c in CATEGORICAL] for row in rows], dtype=object)
    label, probabilities = session.run(["label", "probabilities"], {"numeric": numeric, "categorical": categorical})
    return Response(predictions=[Prediction(label=int(l), probability=float(p[1])) for l, p in zip(label, probabilities)])


@app.get("/ping")
async def ping() -> str:
    return "ok"
