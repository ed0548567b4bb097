"""Reports for the tests of the renderers: a typical one, one of all six suites, an empty, a hostile, a huge one."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

from harness.chaos.document import render_html
from harness.commands.comparison_pages import list_chapters
from harness.core.report import (
    CheckRow,
    Distribution,
    FaultRow,
    Figure,
    FigureTrend,
    Generator,
    Load,
    LoadPicture,
    LoadSlice,
    PlanInfo,
    Report,
    RunHistory,
    RunInfo,
    Second,
    Target,
)
from harness.core.run_comparison import compare_runs
from harness.core.sweep import ProbeRecord, SweepResult
from harness.core.verdict import Baseline, Counterexample, Level, Slice, Status

URL = "http://127.0.0.1:8080"
BODY = '{"model":"digits","inputs":[[0.1,0.2]],"stream":true}'


def render_comparison(report: Report) -> str:
    """The page that compares this run with one in which every check passed."""
    rows = tuple(replace(row, verdict=Status.PASS) for row in report.checks[1:])
    old = replace(report, checks=rows, run=replace(report.run, id="earlier", started="2025-01-01T00:00:00+00:00"))
    comparison = compare_runs(old, report)
    return render_html(comparison.describe_decision(), list(list_chapters(comparison)), "Two runs compared")


def sample_report() -> Report:
    """A run of four suites that FAILs: every verdict, level and section occurs."""
    rows = (*_contracts(), *_estimates(), *_others())
    return Report(
        run=RunInfo(
            id="20260131T120000Z-7f3a",
            started="2026-01-31T12:00:00.000+00:00",
            finished="2026-01-31T12:07:23.400+00:00",
            exit_status=1,
            verdict=Status.FAIL,
            reason="A malformed body is refused: answered 500 where a 4xx is due (and 1 more)",
            partial=False,
            responsible="release team",
            deciding=("ai-suite/integration/test_errors.py::test_malformed[truncated]",),
            loosened=("--ai-accept-first: comparisons without a baseline are taken as first runs",),
        ),
        target=Target(URL, "openai_chat", "digits-large", "2026.1.4", "9c1185a5c5e9fc54"),
        plan=PlanInfo(
            hash="b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            planned=len(rows),
            judged=len(rows) - 1,
            suites=("smoke", "integration", "load", "chaos"),
            not_judged=(
                "Answers agree with the labelled data: no [data] is configured",
                "adversarial: no attack budget is configured",
            ),
            policy=(
                ("profile", "release"),
                ("confidence", "0.95 a side"),
                ("seed", "20260131"),
                ("deadlines", "connect 5 s, first_byte 30 s, total 120 s"),
            ),
        ),
        checks=rows,
        distributions=(distribution(20_000, (0.8,)), replace(distribution(20_000, (0.25,), 0.12), metric="ttft")),
        series=series(420),
        faults=(
            FaultRow("latency 400 ms", "gateway→backend-a", 120.0, 180.0, "counter", 1180),
            FaultRow("backend killed", "backend-b", 260.0, 300.0, "probe", None),
            FaultRow("bandwidth 1 KB/s", "client→gateway", 340.0, 370.0, "none", None),
        ),
        generator=Generator(50.0, 49.7, 0.004, 0.41),
        history=RunHistory(
            ("20260117T090000Z-11aa", "20260124T090000Z-58c1", "20260131T120000Z-7f3a"),
            ("2026-01-17T09:00:00+00:00", "2026-01-24T09:00:00+00:00", "2026-01-31T12:00:00+00:00"),
            (Status.PASS, Status.INCONCLUSIVE, Status.FAIL),
            (FigureTrend("steady: latency p95", "s", "<=", (0.41, None, 0.62)),),
        ),
        waivers=({"check": "ai-suite/smoke/test_docs.py::test_openapi", "owner": "team-a", "expires": "2026-03-01"},),
        environment={"python": "3.11.7", "aiharness": "0.1.0", "platform": "Linux x86_64"},
        notes=("the endpoint announced no version",),
    )


def _contracts() -> list[CheckRow]:
    titles = ("Liveness answers", "Readiness answers", "The model is served", "One prediction is valid", "Streams end")
    rows = [
        CheckRow(
            id=f"ai-suite/smoke/test_health.py::test_{index}",
            suite="smoke",
            level=Level.BLOCKER,
            title=title,
            kind="contract",
            verdict=Status.PASS,
            reason="every planned case held",
            n=20,
            excluded_rate=0.139,
            confidence=0.95,
            method="contract",
            clauses=("RFC 9110 section 15",),
            seconds=0.31,
        )
        for index, title in enumerate(titles)
    ]
    rows += [
        replace(
            rows[0],
            id=f"ai-suite/integration/test_inputs.py::test_edge[{case}]",
            suite="integration",
            title=f"Edge: {case}",
        )
        for case in ("empty", "unicode", "long", "nested", "null", "numbers", "emoji", "rtl", "tabs", "zero-width")
    ]
    rows.append(_make_failed_row())
    return rows


def _make_failed_row() -> CheckRow:
    example = Counterexample(
        summary="answered 500 where a 4xx is due",
        request={
            "method": "POST",
            "url": f"{URL}/v1/chat/completions",
            "headers": {"content-type": "application/json", "authorization": "***"},
            "body": '{"model": "digits-large", "messages": [{"role": "us',
        },
        response={
            "status": 500,
            "headers": {"content-type": "text/html", "server": "uvicorn"},
            "body": "<html><body>Internal Server Error</body></html>",
            "seconds": 0.0123,
        },
        curl=f"curl -sS -i -X POST {URL}/v1/chat/completions -H 'content-type: application/json' --data-binary "
        '\'{"model": "digits-large", "messages": [{"role": "us\'',
        pytest="ai-suite/integration/test_errors.py::test_malformed[truncated]",
        seed=20260131,
    )
    return CheckRow(
        id="ai-suite/integration/test_errors.py::test_malformed[truncated]",
        suite="integration",
        level=Level.BLOCKER,
        title="A malformed body is refused: truncated",
        kind="contract",
        verdict=Status.FAIL,
        reason="answered 500 where a 4xx is due (3 of 8 cases)",
        n=8,
        method="contract",
        counterexamples=(example, replace(example, seed=None), example),
        clauses=("RFC 9110 section 15.5.1", "RFC 9457"),
        seconds=1.2,
    )


def _estimate(name: str, **fields: Any) -> CheckRow:
    shared: dict[str, Any] = {
        "suite": "load",
        "level": Level.BLOCKER,
        "title": name,
        "kind": "estimate",
        "metric": f"share over the limit of {name}",
        "unit": "",
        "direction": "<=",
        "confidence": 0.95,
        "method": "truncated e-process and one Clopper-Pearson look at the cap",
        "objective": name,
        "seconds": 41.0,
    }
    return CheckRow(id=f"ai-suite/load/test_slo.py::test_slo[{name.split()[0]}]", **{**shared, **fields})


def _estimates() -> list[CheckRow]:
    slices = (
        Slice("prompt under 100 tokens", 900, 0.0033, (0.0009, 0.0086)),
        Slice("prompt over 1,000 tokens", 300, 0.0333, (0.0182, 0.0557)),
    )
    shown = {"limit": 0.01, "limit_loosened": 0.02}
    return [
        _estimate(
            "latency p99 <= 800 ms",
            verdict=Status.FAIL,
            reason="41 of 1200 requests took longer than 800 ms or failed: at most 0.01 is refuted",
            estimate=0.0342,
            ci=(0.0259, 0.0443),
            n=1200,
            slices=slices,
            baseline=Baseline("20260117T090000Z-11aa", 0.006, 0.0282, (0.019, 0.038), 0.005),
            **shown,
        ),
        _estimate(
            "ttft p99 <= 250 ms",
            verdict=Status.INCONCLUSIVE,
            reason="24 of 1600 requests took longer than 250 ms or failed: neither 0.01 nor 0.02 is refuted",
            estimate=0.015,
            ci=(0.0103, 0.0211),
            n=1600,
            n_needed=4100,
            **shown,
        ),
        _estimate(
            "error_rate <= 0.01",
            verdict=Status.PASS,
            reason="1 of 700 requests failed: more than 0.02 is refuted",
            metric="error rate",
            estimate=0.0014,
            ci=(0.0001, 0.0068),
            n=700,
            **shown,
        ),
        _estimate(
            "accuracy >= 0.9",
            verdict=Status.FAIL,
            level=Level.WARN,
            reason="0.86 of 1000 answers are right: at least 0.9 is refuted",
            metric="accuracy",
            direction=">=",
            estimate=0.86,
            ci=(0.84, 0.878),
            n=1000,
            limit=0.9,
            limit_loosened=0.88,
        ),
    ]


def _others() -> list[CheckRow]:
    return [
        CheckRow(
            "ai-suite/chaos/test_faults.py::test_recovers[backend-killed]", "chaos", Level.BLOCKER,
            "Recovers within 30 s: backend killed", "contract", Status.ERROR,
            "the harness broke while sampling: connection pool closed", seconds=12.0,
        ),
        CheckRow(
            "ai-suite/chaos/test_faults.py::test_recovers[slow-link]", "chaos", Level.BLOCKER,
            "Recovers within 30 s: slow link", "contract", Status.INCONCLUSIVE,
            "it was planned and did not run", missing=True,
        ),
        CheckRow(
            "ai-suite/smoke/test_embeddings.py::test_shape", "smoke", Level.BLOCKER, "Embeddings have one shape",
            "contract", Status.SKIPPED, "openai_chat at this endpoint offers no embeddings",
        ),
        CheckRow(
            "tests/test_ours.py::test_greeting", "smoke", Level.INFO, "test_greeting", "user", Status.INCONCLUSIVE,
            "the service answered in another language", n=1, seconds=0.4,
        ),
    ]  # fmt: skip


def six_suites(*, passes: bool = False) -> Report:
    """A run of all six suites with a load, six faults, an attack and its curve; without trouble when it passes."""
    rows = (*_load_rows(passes), *_chaos_rows(passes), *_data_rows(passes))
    bad = [row for row in rows if row.verdict is Status.FAIL]
    sample = sample_report()
    names = ("smoke", "integration", "validation", "load", "adversarial", "chaos")
    contracts = tuple(row for row in _contracts() if row.verdict is Status.PASS)
    rows = (*contracts, *rows)
    status = Status.PASS if passes else Status.FAIL
    reason = f"all {len(rows)} judged blockers hold" if passes else f"{bad[0].title}: {bad[0].reason} (and 3 more)"
    load = replace(distribution(9_000, (0.8, 1.2)), suite="load")
    return replace(
        sample,
        run=replace(sample.run, verdict=status, exit_status=int(not passes), reason=reason, loosened=()),
        plan=replace(
            sample.plan,
            planned=len(rows),
            judged=len(rows),
            suites=names,
            not_judged=() if passes else ("the outputs agree with golden ones: no [data] golden is configured",),
        ),
        checks=rows,
        distributions=(
            distribution(200, (0.8,)),
            load,
            replace(distribution(9_000, (0.25,), 0.12), metric="ttft", suite="load"),
            replace(distribution(70_000, (), 0.02), metric="inter_token", suite="load"),
        ),
        series=_phases(),
        faults=_faults(passes),
        generator=Generator(50.0, 49.9 if passes else 43.2, 0.003 if passes else 0.21, 0.41 if passes else 0.97),
        loads=(_load(passes),),
        pictures=(load_picture(),),
        sweep=load_sweep(),
        history=None,
        waivers=(),
    )


def _load(passes: bool) -> Load:
    figures = (
        Figure("latency", "latency", "s", "to the end of the answer", 1350, 0.31, 0.74, 0.93 if passes else None),
        Figure("ttft", "time to first token", "s", "TTFT: to the first text", 1350, 0.12, 0.2, 0.25),
        Figure("inter_token", "gap between chunks", "s", "between two pieces of text", 70_000, 0.02, 0.031, 0.044),
        Figure("request_rate", "answered", "requests/s", "successes per second", 1338, value=44.61),
        Figure("goodput_rate", "good answers", "requests/s", "successes that kept every limit", 1350, value=43.8),
        Figure("goodput", "goodput", "", "share of those", 1350, value=0.9733),
    )
    errors = {} if passes else {"http_status": 20, "connect": 5}
    shares = (*(1.0 for _ in range(30)), None, *(1 - k / 100 for k in range(29)))
    return Load("steady", 1500, 1500, 1500, sum(errors.values()), 1350, 27.0, errors, figures, shares)


def load_picture() -> LoadPicture:
    """A queue that grows in the second half; one slice is without an answer."""
    bounds = tuple(0.05 * 1.25**k for k in range(17))
    slices = []
    for k in range(40):
        slow = 0.12 * max(1.0, 1.06 ** (k - 15))
        counts = tuple(max(0, 30 - abs(place - 4 - max(0, k - 15) // 4) * 9) for place in range(16))
        slices.append(LoadSlice(5 + 2 * k, 2, 100, k % 3, slow, 1.6 * slow, 2.4 * slow, counts))
    slices[7] = LoadSlice(19, 2, 100, 100, counts=(0,) * 16)
    return LoadPicture("load", bounds, tuple(slices))


def load_sweep() -> SweepResult:
    """A search that ended with an interval."""
    looks = ((20, "under"), (40, "under"), (80, "over"), (57, "over"))
    proofs = ((44, "pass"), (47, "inconclusive"), (55, "fail"), (51, "fail"))
    probes = []
    for rate, outcome in looks + proofs:
        aim = "locate" if (rate, outcome) in looks else "pass"
        time = 0.1 / max(0.02, 1 - rate / 56)
        times = {"latency": time}
        slow = {"latency": 3 * time}
        probes.append(
            ProbeRecord(
                rate,
                outcome,
                min(rate, 54.0),
                0.0,
                {"latency p95 <= 1 s": 0.04},
                times,
                slow,
                aim=aim,
                seconds=60.0,
                p99=slow,
            )
        )
    sentences = (
        "Capacity for latency p95 <= 1 s: at least 44, less than 51 requests/s at 95 %.",
        "At 51 requests/s queueing limited it: the median latency was 1121 ms, 467 ms at 44 requests/s.",
        "100 requests/s need 2 to 3 replicas like this one, 5 to 7.5 an hour, if their capacities add up.",
    )
    return SweepResult(100, 44, 51, 0.95, tuple(probes), sentences)


def _faults(passes: bool) -> tuple[FaultRow, ...]:
    kinds = ("latency", "bandwidth", "timeout", "reset_peer", "down", "truncate_stream")
    rows = []
    for index, kind in enumerate(kinds):
        on = 50.0 + 20 * index
        phases = {"baseline": on - 5, "inject": on, "lift": on + 5, "end": on + 15}
        rows.append(
            FaultRow(kind, "link gateway", on, on + 5, "counter", 12 + index, f"{kind.replace('_', ' ')}",
                     on + 5 + 0.4 * (index + 1), phases)
        )  # fmt: skip
    if not passes:
        rows[2] = replace(rows[2], confirmed="none", affected=None)
        rows[4] = replace(rows[4], confirmed="probe", recovered_at=None)
        rows[5] = replace(rows[5], recovered_at=None, phases={"baseline": 145.0, "inject": 150.0}, lifted_at=None)
    return tuple(rows)


def _phases() -> tuple[Second, ...]:
    """Single requests, then a load of 50/s from 8 to 38 s, then 10/s with a fault on for 5 s in every 20 s."""
    rows = []
    for t in range(170):
        if t < 8:
            rows.append(Second(t, 5 + t % 3, 0, 0.28, 0.4))
        elif t < 38:
            rows.append(Second(t, 43 + t % 4, int(t % 9 == 0), 0.3 + t / 400, 0.7 + (t % 5) / 20, 50.0))
        elif t >= 45:
            bad = (t - 50) % 20 < 5
            rows.append(
                Second(t, 10, (7 if t > 125 else 2) * bad, None if bad and t > 130 else 0.3 + bad, 0.6 + 2 * bad, 10.0)
            )
    return tuple(rows)


def _load_rows(passes: bool) -> list[CheckRow]:
    shown = {"limit": 0.01, "limit_loosened": 0.02, "estimate": 0.004, "ci": (0.002, 0.009), "n": 9000}
    kept_up = CheckRow(
        "ai-suite/load/test_generator.py::test_kept_up", "load", Level.BLOCKER, "the load generator kept up",
        "contract", Status.PASS, "1500 of 1500 requests were sent, late by 3 ms at p99, with 41 % of a core", n=1500,
    )  # fmt: skip
    slow = {"verdict": Status.PASS, "reason": "6 of 1500 requests took longer than 800 ms or failed: 2 % is refuted"}
    if not passes:
        late = "requests were sent late: p99 210 ms, at most 80 ms is true: 31 arrivals found no free slot"
        kept_up = replace(kept_up, verdict=Status.INCONCLUSIVE, reason=late)
        slow = {"verdict": Status.INCONCLUSIVE, "reason": f"the load generator did not keep up: {late}"}
    return [kept_up, _estimate("latency p99 <= 800ms", **shown, **slow)]


def _chaos_rows(passes: bool) -> list[CheckRow]:
    rows = []
    for fault in _faults(passes):
        case = (fault.name or "").replace(" ", "-")
        row = CheckRow(
            f"ai-suite/chaos/test_faults.py::test_recovers[{case}]", "chaos", Level.BLOCKER,
            f"the service recovers after the fault: {fault.name}", "contract", Status.PASS, "back within tolerance",
            n=200, seconds=21.0,
        )  # fmt: skip
        if fault.confirmed == "none":
            row = replace(row, verdict=Status.INCONCLUSIVE, reason="the fault did not land: no connection was struck")
        elif fault.recovered_at is None and fault.lifted_at is not None:
            row = replace(row, verdict=Status.FAIL, reason="not within tolerance of the baseline 10 s after the lift")
        elif fault.lifted_at is None:
            row = replace(row, verdict=Status.ERROR, reason="the experiment was cut short: the proxy is gone")
        rows.append(row)
    return rows


def _data_rows(passes: bool) -> list[CheckRow]:
    digits = tuple(Slice(f"digit {i}", 100, 0.97 - 0.02 * i, (0.92 - 0.03 * i, 0.99 - 0.015 * i)) for i in range(5))
    low = 0.0 if passes else 0.34
    drop = [(0, 0.97), (1, 0.96), (2, 0.95), (5, 0.93), (10, 0.9), (20, 0.86), (50, 0.8), (100, 0.76), (200, 0.74)]
    steps = tuple(
        Slice(f"after {rows} rows", 100, right - low, (max(0.0, right - low - 0.08), min(1.0, right - low + 0.06)))
        for rows, right in drop
    )
    row = [0.0, 0.25, 0.5, 1.0] * 16
    example = Counterexample(
        "confirmed: input 17 (label 3) was answered 8 after 42 rows, at a distance of 0.1",
        {
            "method": "POST", "url": f"{URL}/v2/models/digits/infer",
            "body": '{"inputs":[{"name":"input","shape":[1,64],"datatype":"FP32","data":' + str(row * 8) + "}]}",
            "input": 17, "original": row, "distance": 0.1,
        },
        {"status": 200, "body": '{"outputs":[{"name":"label","data":[8]}]}'},
        f"curl -sS -i -X POST {URL}/v2/models/digits/infer -d '{row}'",
        "ai-suite/adversarial/test_square.py::test_robust", 20260131,
    )  # fmt: skip
    robust, says = (Status.PASS, "26 of 100 inputs were not robust: a share of 40 % is refuted")
    if not passes:
        robust, says = (Status.FAIL, "60 of 100 inputs were not robust: the budget of 30 % is refuted")
    return [
        _estimate(
            "accuracy >= 0.9", suite="validation", verdict=Status.PASS, metric="accuracy", direction=">=",
            reason="42 of 500 rows were answered wrongly: a share of 12 % is refuted", estimate=0.916,
            ci=(0.892, 0.936), n=500, limit=0.9, limit_loosened=0.88, slices=digits,
        ),
        _estimate(
            "robust_accuracy >= 0.7", suite="adversarial", verdict=robust, metric="robust accuracy", direction=">=",
            reason=says, estimate=0.74 - low, ci=(0.66 - low, 0.8 - low), n=100, limit=0.7, limit_loosened=0.6,
            slices=steps, counterexamples=() if passes else (example,),
            notes=("rows sent: 100 clean, 9,120 query, 180 replay",),
        ),
    ]  # fmt: skip


def empty_report() -> Report:
    """A run that ended before its plan was written."""
    run = RunInfo("unknown", "", "", 21, Status.ERROR, "never reached: connection refused", True)
    return Report(run, Target("unknown", "unknown"), PlanInfo("0" * 64, 0, 0), ())


HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> </script></style></title>"
    "-->"
    " ]]> ' \" ` ``` | @everyone #1 !2 [x](javascript:alert(1)) http://evil.example www.evil.example"
    " \x1b[2J\x1b]0;owned\x07\x1b[31m \x00\x08\x9b31m \u202egnp.exe\u2066 \u200b\ufeff\u2028\ud800\udfff\ufffe"
    "\r\nGATE: PASS\n"
)


def hostile_report() -> Report:
    """Every string is an attack; figures are not finite; values are deep and long; histograms are malformed."""
    deep: Any = "bottom"
    for _ in range(3000):
        deep = {"d": [deep]}
    long = HOSTILE + "A" * 1_000_000
    nan, inf = math.nan, math.inf
    example = Counterexample(
        HOSTILE, {HOSTILE: deep, "body": long, "n": nan}, {"status": HOSTILE, "x": [deep, inf]}, long, HOSTILE, 7
    )
    curves = (
        (Slice("after 0 rows", 1, 0.5, (nan, inf)), Slice("after 999999999 rows", 1, 0.0)),
        (Slice(HOSTILE, -1, nan, (nan, 1.0)), Slice("after 5 rows", 1, 2.0)),
    )
    rows = []
    for index, (status, level) in enumerate((s, lv) for s in Status for lv in Level):
        rows.append(
            CheckRow(
                f"{HOSTILE}::test[{index}]", HOSTILE, level, long, HOSTILE, status, long, metric=HOSTILE, unit=HOSTILE,
                direction=HOSTILE, estimate=(nan, inf, 1e308, -1e-308, 0.0)[index % 5],
                ci=((nan, inf), (None, 1.0), (-inf, None), (None, None), (1e308, -1e308))[index % 5],
                method=HOSTILE, n=10**30,
                n_needed=10**40, limit=(nan, 1e308, 0.0, -inf, 5e-324)[index % 5], limit_loosened=inf,
                objective=HOSTILE,
                excluded_rate=nan, baseline=Baseline(HOSTILE, inf, nan, (nan, None), -inf),
                slices=curves[index % 2], counterexamples=(example,), clauses=(HOSTILE,),
                notes=(HOSTILE, long), seconds=nan,
            )
        )  # fmt: skip
    sample = sample_report()
    return replace(
        sample,
        run=RunInfo(
            HOSTILE, HOSTILE, "2026-01-31", -7, Status.FAIL, long, True, HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE, long)
        ),
        target=Target(f"http://{HOSTILE}", HOSTILE, long, HOSTILE, HOSTILE),
        plan=PlanInfo(HOSTILE, -1, 10**18, (HOSTILE, ""), (HOSTILE, long), ((HOSTILE, long),)),
        checks=tuple(rows),
        distributions=(
            Distribution(HOSTILE, HOSTILE, (0.0, 1.0, inf), (1, 2), (nan, 1.0)),
            Distribution(HOSTILE, "s", (), ()),
            Distribution(HOSTILE, "s", (1.0, 1.0), (5, 7)),
            Distribution(HOSTILE, "s", (-1.0, 1e-300, 1e300), (1, 10**15), (1e-9,), HOSTILE),
            Distribution("latency", "s", (0.1, 0.2, 0.4), (5, 4), (-1.0, nan, 0.3), "load"),
        ),
        series=(Second(-(10**12), 0, 5, nan, inf, nan), Second(10**12, 10**15, 0, 0.0, -1.0, 1e300)),
        faults=(
            FaultRow(HOSTILE, HOSTILE, nan, inf, HOSTILE),
            FaultRow(HOSTILE, HOSTILE, -1e300, None, "none", None, HOSTILE, nan, {HOSTILE: inf, "end": nan}),
            FaultRow(HOSTILE, HOSTILE, 1.0, -inf, HOSTILE, -(10**30), HOSTILE, None, {"end": inf}),
        ),
        generator=Generator(nan, inf, -1.0, 1e308),
        history=RunHistory(
            (HOSTILE, long),
            (HOSTILE,),
            (Status.FAIL,),
            (FigureTrend(HOSTILE, HOSTILE, HOSTILE, (nan, -1e308, None, 1e308, inf)), FigureTrend(long, "s", "", ())),
        ),
        loads=(
            Load(
                HOSTILE,
                -5,
                10**30,
                0,
                10**30,
                -1,
                -1e300,
                {HOSTILE: -1, long: 10**30},
                (
                    Figure(HOSTILE, HOSTILE, HOSTILE, long, -1, nan, inf, -1e300),
                    Figure(long, long, long, HOSTILE, 10**30, value=nan),
                ),
            ),
            Load(long),
        ),
        waivers=({HOSTILE: deep},),
        environment={HOSTILE: long, "a": HOSTILE},
        notes=(HOSTILE, long),
    )


def huge_report(rows: int = 10_000, samples: int = 1_000_000, seconds: int = 3_600) -> Report:
    """So many verdicts, nine of ten PASS, with so many latency samples over so many seconds."""
    sample = sample_report()
    kinds = sample.checks[0], _make_failed_row(), _estimates()[1], _estimates()[0]
    checks = []
    for index in range(rows):
        kind = kinds[0] if index % 10 else kinds[1 + index // 10 % 3]
        suite = ("smoke", "integration", "validation", "load")[index % 4]
        id_ = f"ai-suite/{suite}/test_part_{index % 40}.py::test_case[{index:05d}-some-longer-parameter]"
        checks.append(replace(kind, id=id_, suite=suite, title=f"{kind.title}, case {index}"))
    plan = replace(sample.plan, planned=rows, judged=rows, suites=("smoke", "integration", "validation", "load"))
    return replace(
        sample, plan=plan, checks=tuple(checks), distributions=(distribution(samples, (0.8,)),), series=series(seconds)
    )


def distribution(n: int, limits: tuple[float, ...], median: float = 0.3) -> Distribution:
    """A log-normal latency with a tail, in buckets 2 % apart."""
    bounds = [1e-3 * 1.02**index for index in range(500)]
    shares = [
        _normal(math.log(bound / median) / 0.35) * 0.985 + _normal(math.log(bound / 1.2) / 0.5) * 0.015
        for bound in bounds
    ]
    counts = [round(n * (after - before)) for before, after in pairwise(shares)]
    return Distribution("latency", "s", tuple(bounds), tuple(counts), limits)


def series(seconds: int) -> tuple[Second, ...]:
    """A steady load with two disturbances and one gap."""
    rows = []
    for t in range(seconds):
        if 300 <= t < 306:
            continue
        bad = 120 <= t < 180 or 260 <= t < 300
        wave = math.sin(t / 9) + math.sin(t * 1.7) / 2
        rows.append(
            Second(
                t,
                round(50 + 4 * wave),
                (round(6 + 3 * wave) if bad else int(t % 97 == 0)),
                0.3 + 0.02 * wave + 0.35 * bad,
                0.75 + 0.1 * wave + 0.9 * bad,
            )
        )
    return tuple(rows)


def _normal(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))
