"""Trains LightGBM on the CSV files and parameters that compare.ts wrote, and prints its scores of the test rows as JSON."""
import json
import sys
import time

import lightgbm
import numpy


def read(name):
    table = numpy.genfromtxt(f"{folder}/{name}.csv", delimiter=",", dtype=numpy.float64)
    return table[:, :-1], table[:, -1]


folder = sys.argv[1]
with open(f"{folder}/parameters.json") as file:
    parameters = json.load(file)
train, labels = read("train")
test, _ = read("test")
rounds = parameters.pop("num_iterations")
start = time.process_time()
booster = lightgbm.train(
    {**parameters, "verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True},
    lightgbm.Dataset(train, labels, params={"max_bin": parameters["max_bin"], "verbosity": -1}),
    num_boost_round=rounds,
)
seconds = time.process_time() - start
json.dump({"version": lightgbm.__version__, "seconds": seconds, "scores": booster.predict(test).tolist()}, sys.stdout)
