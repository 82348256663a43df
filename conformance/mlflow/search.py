"""The search language of runs: each filter and each order asked of this server and of MLflow's own SQL store, which holds the same runs."""

import itertools
import math
import os
import pathlib
import sys

import checks
import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

folder = pathlib.Path(os.environ["CHECK_FOLDER"])
ours = mlflow.MlflowClient()
theirs = SqlAlchemyStore(f"sqlite:///{folder / 'oracle.db'}", str(folder / "artifacts"))

VALUES = [None, 0.0, 1.0, 1.0, -2.5, math.nan, math.inf, -math.inf, 0.3, 1e300]
TEXTS = [None, "a", "A", "ab", "a%", "it's", "", "10", "9", "ä"]


def runs():
    for i in range(30):
        metric, other = VALUES[i % 10], VALUES[(i // 3) % 10]
        text, tag = TEXTS[i % 10], TEXTS[(i // 2) % 10]
        metrics = [(k, v) for k, v in (("m", metric), ("x/y z", other)) if v is not None]
        # Not the last that is logged, but the one of the highest step is the latest.
        metrics_with_steps = [Metric(k, v, 1000 + i, 5) for k, v in metrics] + [Metric(k, 77.0, 2000 + i, 1) for k, _ in metrics]
        params = [Param("p", text)] if text else []
        tags = [RunTag("t", tag)] if tag is not None else []
        yield f"r{i:02}", 1000 + (i % 7), ["FINISHED", "FAILED", "RUNNING"][i % 3], metrics_with_steps, params, [*tags, RunTag("a.b", str(i % 2))]


def fill(create, log, update):
    for name, start, status, metrics, params, tags in runs():
        run_id = create(name, start, tags)
        log(run_id, metrics, params)
        if status != "RUNNING":
            update(run_id, status, start + 50)


our_experiment = ours.create_experiment("searched")
their_experiment = theirs.create_experiment("searched")
fill(
    lambda name, start, tags: ours.create_run(our_experiment, start_time=start, run_name=name, tags={t.key: t.value for t in tags}).info.run_id,
    lambda run_id, metrics, params: ours.log_batch(run_id, metrics=metrics, params=params),
    lambda run_id, status, end: ours.set_terminated(run_id, status, end),
)
fill(
    lambda name, start, tags: theirs.create_run(their_experiment, "ada", start, tags, name).info.run_id,
    lambda run_id, metrics, params: theirs.log_batch(run_id, metrics, params, []),
    lambda run_id, status, end: theirs.update_run_info(run_id, mlflow.entities.RunStatus.from_string(status), end, None),
)

FILTERS = [
    "",
    *[f"metrics.m {op} {value}" for op in ("=", "!=", ">", ">=", "<", "<=") for value in ("1", "0.3", "-2.5", "1e300")],
    "metrics.`x/y z` > 0 and metrics.m < 5",
    'metric."x/y z" != 1',
    "metrics.none > 0",
    *[f"params.p {op} '{value}'" for op in ("=", "!=", "LIKE", "ILIKE") for value in ("a", "A", "a%", "%", "_", "10")],
    "params.p IS NULL",
    "params.p IS NOT NULL",
    *[f"tags.t {op} '{value}'" for op in ("=", "!=", "LIKE", "ILIKE") for value in ("a", "", "a_", "%b")],
    "tags.t IS NULL and params.p = 'a'",
    "tags.a.b = '1'",
    "tag.`a.b` != '1'",
    'tags."a.b" = "0"',
    "tags.t = \"it's\"",
    "params.p = \"it's\"",
    *[f"attributes.status {op} 'FINISHED'" for op in ("=", "!=", "LIKE", "ILIKE")],
    "status = 'FAILED' and metrics.m > 0",
    "run_name LIKE 'r0%'",
    "attributes.`run name` = 'r05'",
    "attributes.`Run name` ILIKE 'R1%'",
    "run_name != 'r05'",
    *[f"start_time {op} 1003" for op in ("=", "!=", ">", ">=", "<", "<=")],
    "created > 1003",
    "end_time > 1050",
    "end_time != 1051",
    "start_time > 1001 AND start_time < 1005 and tags.a.b = '1'",
    "dataset.name = 'x'",
]
ORDERS = [
    [],
    ["metrics.m"],
    ["metrics.m DESC"],
    ["metrics.`x/y z` ASC", "metrics.m DESC"],
    ["params.p"],
    ["params.p DESC"],
    ["tags.t ASC", "start_time ASC"],
    ["tags.t DESC"],
    ["start_time ASC"],
    ["attributes.end_time"],
    ["end_time DESC"],
    ["run_name DESC"],
    ["status", "run_name"],
    ["metrics.none", "attribute.run_name"],
]
REFUSED = [
    "metrics.m",
    "metrics.m >",
    "metrics.m LIKE '1'",
    "metrics.m = 'x'",
    "metrics.m > 1 OR metrics.m < 0",
    "params.p > '1'",
    "params.p = 1",
    "params.p = a",
    "nothing.p = 'a'",
    "attributes.nothing = 'a'",
    "(metrics.m > 1)",
    "status IN ('FINISHED')",
    "status IS NULL",
    "start_time = '5'",
    "dataset.nothing = 'a'",
]


def ask(filter, order, size=50, pages=False):
    """Ties are by id, and ids differ: names of neighbours that tie in all that was asked for are put in one order by `run_name` at the end."""
    ordered = order if any("run_name" in key for key in order) else [*order, "attributes.run_name ASC"]
    found = []
    for search in (lambda token: ours.search_runs([our_experiment], filter, ViewType.ACTIVE_ONLY, size, ordered, token), lambda token: theirs.search_runs([their_experiment], filter, ViewType.ACTIVE_ONLY, size, ordered, token)):
        names, token = [], None
        while True:
            page = search(token)
            names += [run.info.run_name for run in page]
            token = page.token
            if not (pages and token):
                break
        found.append(names)
    return found


def compare(filter, order, **options):
    mine, peers = ask(filter, order, **options)
    assert mine == peers, f"{filter!r} by {order}: found {mine}, MLflow {peers}"


def check_filters():
    """each filter finds the runs that MLflow finds"""
    for filter in FILTERS:
        compare(filter, ["attributes.run_name ASC"])


def check_orders():
    """each order is MLflow's: of values, NaN and infinities, of what is not there"""
    for order in ORDERS:
        compare("", order)


def check_both():
    """orders hold under filters"""
    for filter, order in itertools.product(FILTERS[::7], ORDERS[1:6]):
        compare(filter, order)


def check_pages():
    """page by page the same runs come in the same order"""
    for order, size in itertools.product(ORDERS, (1, 7, 30)):
        compare("", order, size=size, pages=True)
    compare("metrics.m != 1", ["metrics.m DESC"], size=3, pages=True)


def check_refused():
    """what MLflow refuses is refused, with the same code"""
    for filter in REFUSED:
        codes = []
        for search in (lambda: ours.search_runs([our_experiment], filter), lambda: theirs.search_runs([their_experiment], filter, ViewType.ACTIVE_ONLY, 10, [], None)):
            try:
                search()
                codes.append(None)
            except MlflowException as error:
                codes.append(error.error_code)
        assert codes[0] == codes[1] == "INVALID_PARAMETER_VALUE", f"{filter}: {codes}"


checks.run(sys.modules[__name__])
