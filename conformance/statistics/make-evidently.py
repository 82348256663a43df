"""Writes evidently.json: a training sample, a window of traffic, and what Evidently says of each column by each method.

Needs evidently==0.7.23 and pandas<3. Run it by hand when a case is added:
    python make-evidently.py
"""
import json
import pathlib
import warnings

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import DriftedColumnsCount, ValueDrift

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20130401)

NUMERIC = ["distance", "delay", "hour"]
CATEGORICAL = ["carrier", "dest", "engines"]
INTEGER = ["hour", "engines"]


def rows(n, later):
    """`later`: the hours have moved, planes fly farther, one destination is new."""
    distance = np.round(rng.lognormal(6.6 if later else 6.4, 0.7, n), 3)
    delay = np.round(rng.normal(3, 20, n), 3)
    frame = pd.DataFrame({
        "distance": distance,
        "delay": delay,
        "hour": rng.integers(9 if later else 5, 24, n),
        "carrier": rng.choice(["UA", "AA", "B6"], n, p=[0.5, 0.3, 0.2]),
        "dest": rng.choice(["LAX", "BOS", "MIA", "ANC"], n, p=[0.3, 0.3, 0.3, 0.1] if later else [0.4, 0.3, 0.3, 0.0]),
        "engines": rng.choice([1, 2, 4], n, p=[0.1, 0.8, 0.1] if later else [0.1, 0.85, 0.05]),
        "score": np.round(rng.beta(2, 5 if later else 6, n), 6),
    })
    frame.loc[rng.choice(n, n // 10, replace=False), "delay"] = None
    frame.loc[rng.choice(n, n // 20, replace=False), "carrier"] = None
    return frame


reference, current = rows(400, False), rows(300, True)
definition = DataDefinition(numerical_columns=[*NUMERIC, "score"], categorical_columns=CATEGORICAL)
datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]


def values(metrics):
    return [metric["value"] for metric in Report(metrics).run(*datasets).dict()["metrics"]]


cases = []
for numeric, categorical, threshold in [("wasserstein", "jensenshannon", 0.1), ("psi", "psi", 0.1), ("jensenshannon", "jensenshannon", 0.05), ("ks", "chisquare", 0.05)]:
    columns = [*NUMERIC, *CATEGORICAL]
    scores = values([ValueDrift(column=c, method=categorical if c in CATEGORICAL else numeric, threshold=threshold) for c in [*columns, "score"]])
    [count] = values([DriftedColumnsCount(columns=columns, num_method=numeric, cat_method=categorical, num_threshold=threshold, cat_threshold=threshold)])
    cases.append({
        "numeric": numeric, "categorical": categorical, "threshold": threshold,
        "scores": {name: float(value) for name, value in zip([*columns, "score"], scores)},
        "drifted": int(count["count"]), "share": float(count["share"]),
    })


def lists(frame):
    return {name: [None if pd.isna(value) else value for value in frame[name].tolist()] for name in frame.columns}


path = pathlib.Path(__file__).with_name("evidently.json")
path.write_text(json.dumps({"integer": INTEGER, "reference": lists(reference), "current": lists(current), "cases": cases}, separators=(",", ":")) + "\n")
