"""Measure the server cards: each named row (or every row) is started and judged twice, and what a card needs is kept.

`make cards ARGS="NAME …"` runs it; `make generate` makes the pages. A row that does not start here keeps the card that
it has. Ports, folders and the server's URL are replaced: another run of the same server gives the same data.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from docs.server_cards import CARDS, MODES
from harness.core.gate import Exit
from tests.conftest import run_gate
from tests.servers.environments import HERE, OLLAMA
from tests.servers.row import EXAMPLES, Row, rows

_MOST_RUNS = 5
"""Of a server that falls silent in some runs the first run is shown in which it does not, of so many."""
_PATH = re.compile(r"(?:/[\w.+-]+){2,}/(?=[\w.+-]+)")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}")


def measure_card(row: Row) -> dict[str, Any]:
    """The data of one row's card. Raises what pytest raises where the server cannot be installed or started."""
    config = tomllib.loads(row.config)
    protocol = config["endpoint"]["protocol"]
    runs = {}
    for mode in MODES:
        for silenced in range(_MOST_RUNS):
            runs[mode] = {**_judge_anew(row, protocol, mode), "silenced": silenced}
            if not _is_silenced(row, runs[mode]):
                break
    return {
        "row": row.name,
        "software": _name_software(row),
        "description": _describe_row(row),
        "protocol": protocol,
        "detected": list(row.detected),
        "promises": config.get("promises", {}),
        "runs": runs,
    }


def _judge_anew(row: Row, protocol: str, mode: str) -> dict[str, Any]:
    """A run with a server of its own: what another run did to one must not show in it."""
    with TemporaryDirectory(prefix="row-", ignore_cleanup_errors=True) as name, row.run_server(Path(name)) as server:
        return _judge(row, protocol, server.url, mode)


def _is_silenced(row: Row, run: dict[str, Any]) -> bool:
    """Whether the server fell silent for good, as it does in some runs, so that the rest of this one says nothing."""
    for other in run["others"]:
        if other["verdict"] == "FAIL" and other["check"].rpartition("::")[2] == row.silenced:
            return True
    return False


def _judge(row: Row, protocol: str, url: str, mode: str) -> dict[str, Any]:
    """One run of smoke and integration; what the row's own configuration says is given in `strict` alone."""
    options = [f"--ai-protocol={protocol}"] if protocol != row.detected[0] else []
    env = {"AIHARNESS_API_KEY": row.key} if row.key and mode == "default" else {}
    with TemporaryDirectory(prefix="card-") as name:
        folder = Path(name)
        if mode == "strict":
            shutil.copy(EXAMPLES / "digits_heldout.csv", folder)
            (folder / "aiharness.toml").write_text(row.config)
            options = ["--ai-profile=strict"]
        limits = "--ai-wait-ready=60", "--ai-max-time=600"
        arguments = (f"--ai-endpoint={url}", *options, *limits)
        outcome = run_gate(folder, *arguments, env=env, suite="smoke,integration", timeout=700, fresh=True)
    variables = [f"{name}=…" for name in env]
    command = " ".join([*variables, "aiharness gate URL --suite smoke,integration", *options])
    if outcome.gate is not None:
        return {"command": command, **condense_gate(outcome.gate)}
    if outcome.status != Exit.USAGE:
        raise RuntimeError(outcome.out + outcome.err)
    return {"command": command, **condense_refusal(outcome.out + outcome.err)}


def condense_gate(gate: dict[str, Any]) -> dict[str, Any]:
    """What a card shows of a gate.json: how many cases passed, and the reason of every other case."""
    passed: Counter[str] = Counter()
    others = []
    for check in gate["checks"]:
        name, _, case = check["id"].partition("[")
        if check["verdict"] == "PASS":
            passed[name] += 1
        elif not check["missing"]:
            other = {"check": name, "case": case.removesuffix("]")}
            other |= {key: check[key] for key in ("verdict", "level")}
            others.append({**other, "reason": _hide_place(check["reason"])})
    run = gate["run"]
    return {
        "verdict": run["verdict"],
        "exit_status": run["exit_status"],
        "reason": _hide_place(run["reason"]),
        "missing": sum(check["missing"] for check in gate["checks"]),
        "passed": passed,
        "others": others,
        "not_judged": gate["plan"]["not_judged"],
    }


def condense_refusal(printed: str) -> dict[str, Any]:
    """What a card shows of a run that was refused before its first check: the mistake that it names."""
    mistake = re.search("^ERROR: (.+)$", printed, re.MULTILINE)
    reason = _hide_place(mistake[1]) if mistake else "no mistake is named"
    nothing: dict[str, Any] = {"missing": 0, "passed": {}, "others": [], "not_judged": []}
    return {"verdict": "NOT BEGUN", "exit_status": int(Exit.USAGE), "reason": reason, **nothing}


def _hide_place(reason: str) -> str:
    """A reason without this machine's folders and ports."""
    return _PORT.sub("PORT", _PATH.sub("…/", reason))


def _name_software(row: Row) -> str:
    """The package and version of the server: the pin of the row's name, or the first one; Ollama is a Go module."""
    if row.name.startswith("ollama"):
        return OLLAMA
    pins = (HERE / "requirements" / f"{row.requirements}.txt").read_text("utf-8").split()
    return next((pin for pin in pins if pin.startswith(f"{row.name}==")), pins[0])


def _describe_row(row: Row) -> str:
    text = sys.modules[row.serve.__module__].__doc__ or ""
    return " ".join(text.split("\n\n")[0].split())


def main() -> None:
    """Measure the named rows, or all; what does not start is named on the standard error."""
    names = sys.argv[1:]
    for row in rows():
        if names and row.name not in names:
            continue
        try:
            data = measure_card(row)
        except (pytest.skip.Exception, pytest.fail.Exception, RuntimeError) as problem:
            print(f"{row.name}: {problem}", file=sys.stderr)
            continue
        path = CARDS / "data" / f"{row.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
        print(f"{row.name}: default {data['runs']['default']['verdict']}, strict {data['runs']['strict']['verdict']}")


if __name__ == "__main__":
    main()
