"""Small real services with one property each, and a session that asks them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from harness.attacks.square import ATTACK
from harness.core.adapter import Facts
from harness.core.attack import Attack
from harness.core.attack_settings import AttackSettings
from harness.core.dataset import Dataset
from harness.core.endpoint import Deadlines, Endpoint
from harness.core.errors import HarnessError
from harness.core.objective import PROFILES, Objective
from harness.core.objective_parser import parse_objective
from harness.core.plan import PlannedCheck
from harness.core.settings import Ceilings, DataSettings, Settings
from harness.core.verdict import Verdict, make_error
from harness.io.client import Client
from harness.io.ledger import Ledger
from harness.reference.digits import HIGH, LOW, make_dataset, train
from harness.robustness.attack_inputs import attack_inputs
from harness.robustness.robust_accuracy import judge_robust_accuracy
from harness.run.preflight import load_adapter
from harness.run.series import Meter
from harness.run.session import Session

Answered = tuple[int, Any]
QUICK = Deadlines(connect=5.0, first_byte=5.0, inter_token=5.0, total=10.0)


def make_handler(answer: Callable[[str, Any], Answered]) -> type[BaseHTTPRequestHandler]:
    """A handler whose POSTs are answered by `answer(path, body)`; GETs by it too, with a body of None."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _reply(self, body: Any) -> None:
            status, value = answer(self.path, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            try:
                body = json.loads(raw)
            except (ValueError, RecursionError):
                body = "broken"
            self._reply(body)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@contextmanager
def serving(answer: Callable[[str, Any], Answered]) -> Iterator[str]:
    """A service that answers as `make_handler` says; its URL."""
    with serving_handler(make_handler(answer)) as url:
        yield url


class LoopbackServer(ThreadingHTTPServer):
    """A threaded server with room for the connections of a load."""

    daemon_threads = True
    request_queue_size = 128


class QuietServer(LoopbackServer):
    """One that is not told of connections that break off."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients leave."""


@contextmanager
def serving_handler(
    handler: type[BaseHTTPRequestHandler], server_type: type[LoopbackServer] = LoopbackServer
) -> Iterator[str]:
    """A threaded server on loopback for this handler; its URL."""
    server = server_type(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Digits:
    """The reference's digits model over plain JSON; `requests` holds the rows of each request."""

    def __init__(self, change: Callable[[np.ndarray, np.ndarray], Any] | None = None) -> None:
        self.model = train(0)
        self.change = change
        self.requests: list[np.ndarray] = []

    def __call__(self, path: str, body: Any) -> Answered:
        if not isinstance(body, dict):
            return 404, {"error": "no"}
        rows = np.asarray(body["instances"], dtype=float)
        self.requests.append(rows)
        scores = self.model.predict_proba(np.atleast_2d(rows))
        if self.change is not None:
            changed = self.change(rows, scores)
            if isinstance(changed, tuple):
                return changed[0], changed[1]
            scores = changed
        return 200, {"predictions": scores.argmax(axis=1).tolist(), "probabilities": scores.tolist()}


def digits(n: int, seed: int = 7, label: int | None = None) -> Dataset:
    rows, labels = make_dataset(seed, n if label is None else 40 * n)
    indices = range(len(rows)) if label is None else np.flatnonzero(labels == label)[:n]
    return Dataset(
        "digits", tuple(rows[i].tolist() for i in indices), tuple(int(labels[i]) for i in indices), shape=(8, 8)
    )


def settings(url: str, data: Dataset, eps: float = 1.0, budget: int = 60, seed: int = 3) -> Settings:
    attack = AttackSettings(eps, LOW, HIGH, budget, len(data.inputs))
    endpoint = Endpoint(url, "plain_json", deadlines=QUICK)
    return Settings(endpoint, ("adversarial",), seed=seed, data=DataSettings(data), sections={"adversarial": attack})


@contextmanager
def asking(given: Settings, folder: Path, facts: Facts | None = None) -> Iterator[Session]:
    with Client(given.endpoint) as client:
        ledger = Ledger(folder, Ceilings(), 0.0)
        yield Session(given, load_adapter(given.endpoint.protocol), facts or Facts(), client, ledger, Meter(None))


def objective(limit: str = ">= 0.5") -> tuple[Objective, PlannedCheck]:
    parsed = parse_objective("adversarial", "robust_accuracy", limit, profile=PROFILES["release"])
    check = PlannedCheck("x", "adversarial", parsed.level, "x", "estimate", alpha_fail=parsed.alpha)
    return parsed, check


def judge_attack(session: Session, attack: Attack, objective: Objective, check: PlannedCheck) -> Verdict:
    """Attack and judge; what the measurement raises ends the check in ERROR."""
    try:
        inputs = attack_inputs(session, attack)
    except HarnessError as problem:
        return make_error(str(problem))
    return judge_robust_accuracy(inputs, objective, check)


def attack_service(url: str, data: Dataset, folder: Path, limit: str = ">= 0.5", **more: Any) -> Verdict:
    with asking(settings(url, data, **more), folder) as session:
        return judge_attack(session, ATTACK, *objective(limit))
