"""Writes drift.json: samples and the scores that scipy and NumPy give for them, by the formulas of Evidently 0.7.23.

Needs numpy and scipy. Samples are rounded to six digits so that JSON carries them exactly. Run it by hand when a case is added:
    python make-fixtures.py
"""
import json
import pathlib

import numpy as np
from scipy import spatial, stats

rng = np.random.default_rng(20131231)


def shares(reference, current, categorical):
    if not categorical and len(np.unique(reference)) > 20:
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        return np.histogram(reference, edges)[0] / len(reference), np.histogram(current, edges)[0] / len(current)
    keys = sorted(set(reference.tolist()) | set(current.tolist()))
    count = lambda sample: np.array([np.count_nonzero(sample == key) for key in keys]) / len(sample)
    return count(reference), count(current)


def fill(side):
    smallest = side[side != 0].min()
    return np.where(side == 0, smallest / 10**6 if smallest <= 0.0001 else 0.0001, side)


def scores(reference, current, categorical):
    r, c = shares(reference, current, categorical)
    out = {"jensenshannon": float(spatial.distance.jensenshannon(r, c))}
    fr, fc = fill(r), fill(c)
    out["psi"] = float(np.sum((fr - fc) * np.log(fr / fc)))
    if categorical:
        keys = sorted(set(reference.tolist()) | set(current.tolist()))
        k = len(current) / len(reference)
        observed = [np.count_nonzero(current == key) for key in keys]
        expected = [np.count_nonzero(reference == key) * k for key in keys]
        with np.errstate(divide="ignore"):
            out["chisquare"] = float(stats.chisquare(observed, expected)[1])
    else:
        out["wasserstein"] = float(stats.wasserstein_distance(reference, current) / max(np.std(reference), 0.001))
        out["ks"] = float(stats.ks_2samp(reference, current)[1])
    return out


def numeric(name, reference, current, integer=False):
    reference, current = (np.asarray(s).astype(np.int64) if integer else np.round(s, 6) for s in (reference, current))
    return {"name": name, "kind": "numeric", "integer": integer, "reference": reference.tolist(), "current": current.tolist(),
            "expected": scores(reference, current, False)}


def categorical(name, reference, current):
    reference, current = np.asarray(reference), np.asarray(current)
    return {"name": name, "kind": "categorical", "integer": False, "reference": reference.tolist(), "current": current.tolist(),
            "expected": scores(reference, current, True)}


cases = [
    numeric("same distribution", rng.normal(0, 1, 400), rng.normal(0, 1, 300)),
    numeric("shifted and wider", rng.normal(0, 1, 400), rng.normal(0.3, 1.2, 500)),
    numeric("equal sizes", rng.normal(0, 1, 250), rng.normal(0.2, 1, 250)),
    numeric("heavy tail", rng.lognormal(0, 1.5, 300), rng.lognormal(0.4, 1.5, 200)),
    numeric("disjoint", rng.uniform(0, 1, 100), rng.uniform(5, 6, 80)),
    numeric("many ties", np.round(rng.normal(0, 1, 400), 1), np.round(rng.normal(0.1, 1, 350), 1)),
    numeric("constant reference", np.full(50, 2.0), rng.normal(2, 0.1, 60)),
    numeric("whole numbers, bins no narrower than one", rng.integers(0, 24, 300), rng.integers(4, 24, 200), True),
    numeric("whole numbers, wide", rng.integers(0, 2000, 300), rng.integers(100, 2400, 200), True),
    numeric("few distinct values", rng.integers(0, 7, 300), rng.integers(1, 8, 200), True),
    numeric("one value against many", rng.normal(0, 1, 300), np.array([0.25])),
    categorical("same shares", rng.choice(list("abc"), 300, p=[0.5, 0.3, 0.2]), rng.choice(list("abc"), 200, p=[0.5, 0.3, 0.2])),
    categorical("other shares", rng.choice(list("abcd"), 300, p=[0.5, 0.3, 0.1, 0.1]), rng.choice(list("abcd"), 200, p=[0.3, 0.3, 0.2, 0.2])),
    categorical("a category that the reference lacks", ["a"] * 60 + ["b"] * 40, ["a"] * 50 + ["b"] * 48 + ["c"] * 2),
    categorical("a category that has gone", ["a"] * 60 + ["b"] * 39 + ["c"], ["a"] * 55 + ["b"] * 45),
]
# Too large to store the samples: only sizes and statistic go in.
tails = [{"n1": n1, "n2": n2, "d": d, "expected": float(stats.distributions.kstwo.sf(d, np.round(n1 * n2 / (n1 + n2))))}
         for n1, n2 in [(12000, 300), (12000, 7000), (250000, 6400), (30000, 30000)] for d in (0.004, 0.01, 0.03, 0.1)]

path = pathlib.Path(__file__).with_name("drift.json")
path.write_text(json.dumps({"cases": cases, "kolmogorov_smirnov_tails": tails}, separators=(",", ":")) + "\n")
