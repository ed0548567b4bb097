"""Requests of a load as bytes, made at the moment at which they are sent: a form, with its mark replaced.

Tested in tests/load/workload/test_requests.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.core.adapter import Adapter
from harness.core.arrival_settings import REPLAY
from harness.core.exchange import Query, Request
from harness.core.json_path import map_leaves
from harness.core.load import Job
from harness.io.raw import encode_request
from harness.load.controls import Controls
from harness.load.forms import MOST_FORMS, TEXT_MARK, QueryForm, has_mark, make_digits, make_workload

_MOST_KEPT = 16 * 2**20
"""Bytes of encoded forms that are kept."""

Encoded = tuple[Request, bytes]
"""A request, and what goes over the wire for it."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """An encoded form, cut where its mark is."""

    form: QueryForm
    request: Request
    head: bytes
    before: bytes
    after: bytes


class RequestMaker:
    """Makes the requests of a job; every process makes the same ones."""

    def __init__(self, job: Job, adapter: Adapter) -> None:
        self._job, self._adapter = job, adapter
        self._repeated = [self._encode(request) for request in job.requests]
        self._workload = None if job.material is None else make_workload(job.material)
        self.controls = Controls(job)
        self._step = self.controls.step
        self._known = [*(self._repeated[:1] if job.reference is not None else []), *self._encode_known()]
        self._kept: dict[int, _Cut | Encoded] = {}
        self._kept_bytes = 0
        if self._workload is not None:
            for k in range(min(MOST_FORMS, self._workload.forms)):
                self._keep_form(k)

    def encode(self, k: int) -> Encoded:
        """Request `k` of the schedule."""
        workload = self._workload
        if self._step and (kind := self.controls.find_kind(k)) is not None:
            return self._known[kind] if kind < len(self._known) else self._fill_echo(k)
        if workload is None:
            return self._repeated[k % len(self._repeated)]
        number = self._number(k)
        i = number % workload.forms
        cut = self._kept.get(i)
        if cut is None:
            return self._encode_query(workload.make_query(number))
        if not isinstance(cut, _Cut):
            return cut
        return _fill(cut, cut.form.fill(self._seed, workload.get_nonce_number(number)))

    def is_repeat(self, k: int) -> bool:
        """Whether request `k` is the same as an earlier one, or as one that was asked before the load."""
        workload = self._workload
        if self._step and (kind := self.controls.find_kind(k)) is not None:
            return kind < len(self._known)
        if workload is None or (workload.forms == 1 and not workload.is_unique):
            return True
        return workload.is_repeat(self._number(k))

    @property
    def _seed(self) -> int:
        return 0 if self._job.material is None else self._job.material.seed

    def _number(self, k: int) -> int:
        """The number of request `k` among those of the workload."""
        if not self._step or self._job.load.shape_name == REPLAY:
            return k  # the lines of a trace keep their times
        return k - k // self._step

    def _encode(self, request: Request) -> Encoded:
        return request, b"".join(encode_request(self._job.endpoint, request, "identity"))

    def _encode_known(self) -> list[Encoded]:
        return [self._encode(known.request) for known in self._job.known]

    def _fill_echo(self, k: int) -> Encoded:
        """The request that asks for a code to be repeated. Encoded anew: gRPC states lengths."""
        echo, code = self._job.echo, make_digits(self._job.seed, k)
        assert echo is not None

        def fill(leaf: Any) -> Any:
            return leaf.replace(TEXT_MARK, code) if isinstance(leaf, str) else leaf

        return self._encode_query(replace(echo, inputs=map_leaves(echo.inputs, fill)))

    def _encode_query(self, query: Query) -> Encoded:
        material = self._job.material
        assert material is not None
        return self._encode(self._adapter.encode(self._job.endpoint, query, material.facts))

    def _keep_form(self, i: int) -> None:
        """Keep form `i`, cut at its mark; not where the bytes of the request do not show the mark once."""
        workload, material = self._workload, self._job.material
        assert workload is not None
        assert material is not None
        if self._kept_bytes > _MOST_KEPT:
            return
        form = workload.make_form(i)
        request, wire = self._encode(self._adapter.encode(self._job.endpoint, form.query, material.facts))
        if not has_mark(form):
            self._kept[i] = request, wire
        elif request.body.count(mark := form.mark.encode()) == 1:
            content = form.fill(material.seed, 0).encode()
            body = request.body.replace(mark, content)  # for the head: a number's mark is not as long as its content
            head, _ = encode_request(self._job.endpoint, _with_body(request, body), "identity")
            before, _, after = request.body.partition(mark)
            self._kept[i] = _Cut(form, request, head, before, after)
        else:
            return
        self._kept_bytes += len(wire)


def _fill(cut: _Cut, content: str) -> Encoded:
    """The request of a form, and its bytes, with this in place of the mark."""
    body = b"".join((cut.before, content.encode(), cut.after))
    return _with_body(cut.request, body), cut.head + body


def describe_workload(job: Job) -> str:
    """What the requests of a job are, in one line."""
    material = job.material
    if material is None:
        return "one request body: repeats may be answered from a cache"
    line = make_workload(material).describe()
    if material.reason:
        line = f"one request body, because {material.reason}: repeats may be answered from a cache"
    if job.has_controls:
        line += f"; of {Controls(job).step} requests one has a known answer: {_describe_controls(job)}"
    return f"{line}; seed {material.seed}"


def _describe_controls(job: Job) -> str:
    parts = ["the sample"] if job.reference is not None else []
    if job.known:
        parts.append(f"{job.known[0].name} and the like ({len(job.known)})")
    if job.echo is not None:
        parts.append("a code to repeat")
    return ", ".join(parts)


def _with_body(request: Request, body: bytes) -> Request:
    return Request(request.method, request.path, request.headers, body, request.stream)
