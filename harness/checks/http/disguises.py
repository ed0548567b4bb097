"""Requests without the right key, in every disguise in which one may get past a door.

Tested in tests/checks/http/test_hostile.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from harness.checks.common import Show, judge, judge_case
from harness.core.endpoint import Credentials, Secret
from harness.core.exchange import Exchange, Request
from harness.core.replay import RESPELT
from harness.core.verdict import Verdict, judge_contract, make_inconclusive

MOST_DISGUISES, MOST_NEAR = 48, 6
_EXPIRED = {"sub": "admin", "role": "admin", "iat": 1_000_000_000, "exp": 1_000_003_600}
"""The claims of a token that ended in 2001."""
_UNENDING = {"sub": "admin", "role": "admin", "exp": 9_999_999_999}


def list_disguises(valid: Request, right: Credentials) -> dict[str, tuple[Request, Credentials | None]]:
    """The valid request without the right key, as it may get past a door: by what was changed."""
    requests: dict[str, tuple[Request, Credentials | None]] = {}
    for name, changed in _list_paths(valid.path).items():
        requests[name] = replace(valid, path=changed), None
    for name, line in _LINES.items():
        requests[name] = replace(valid, headers=(*valid.headers, line)), None
    for name, text in _list_keys().items():
        if text != right.secret.value:
            requests[name] = valid, replace(right, secret=Secret(text), source="made wrong on purpose", command=())
    for name, key in list_near_keys(right).items():
        requests[name] = valid, key
    return requests


def list_near_keys(right: Credentials) -> dict[str, Credentials]:
    """Credentials that are nearly the right one, by what is wrong with them."""
    secret = right.secret.value
    texts = {
        "a key that lacks its last letter": secret[:-1],
        "the first half of a key": secret[: len(secret) // 2],
        "a key with one letter more": f"{secret}a",
        "a key in other capitals": secret.swapcase(),
        "a key twice": f"{secret} {secret}",
    }
    near = {}
    for name, text in texts.items():
        if text != secret:
            right.secret.hide(text)
            near[name] = replace(right, secret=Secret(text), source=RESPELT, command=())
    empty = replace(right, secret=Secret(""), source="made wrong on purpose", command=())
    return {"an empty key": empty, **near}


def _list_paths(path: str) -> dict[str, str]:
    head, _, last = path.rstrip("/").rpartition("/")
    return {
        "capitals in the path": path.upper(),
        "a capital in the path": path.title(),
        "two slashes": f"/{path}",
        "two slashes within": f"{head}//{last}",
        "a dot in the path": f"/.{path}",
        "a way through an open page": f"/health/..{path}",
        "a way in percent encoding": f"/health/%2e%2e{path}",
        "a slash at the end": f"{path}/",
        "a dot at the end": f"{path}/.",
        "a space at the end": f"{path}%20",
        "an ending": f"{path}.json",
        "a letter of the path in percent encoding": f"/%{ord(path[1]):02x}{path[2:]}",
        "slashes in percent encoding": f"/{path[1:].replace('/', '%2f')}",
        "a semicolon in the path": f"{path};a=b",
        "an open page in the query": f"{path}?/health",
        "a key in the query": f"{path}?api_key=null&key=null&access_token=null",
    }


def _encode_pair(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


_LINES: Mapping[str, tuple[str, str]] = {
    "the address of the machine itself": ("x-forwarded-for", "127.0.0.1"),
    "the address of the machine itself as the real one": ("x-real-ip", "127.0.0.1"),
    "a path in a header": ("x-original-url", "/health"),
    "the name of an internal caller": ("x-internal", "true"),
    "a user that a proxy has let in": ("x-forwarded-user", "admin"),
    "another method in a header": ("x-http-method-override", "OPTIONS"),
    "a name and a password of the factory": ("authorization", _encode_pair("admin:admin")),
    "an empty name and password": ("authorization", _encode_pair(":")),
    "the name of a scheme alone": ("authorization", "Bearer"),
    "a scheme that nobody knows": ("authorization", "None none"),
    "two schemes in one line": ("authorization", "Bearer null, Basic null"),
}
"""Header lines that services trust."""


def _list_keys() -> dict[str, str]:
    return {
        "the key null": "null",
        "the key undefined": "undefined",
        "the key true": "true",
        "a star as the key": "*",
        "a pattern as the key": "%",
        "a condition of a database as the key": "' OR '1'='1",
        "a key of 4,000 letters": "a" * 4000,
        "an expired token": _make_token(_EXPIRED, "HS256", secret="secret"),
        "a token without a signature": _make_token(_UNENDING, "none"),
        "a token without a signature, in capitals": _make_token(_UNENDING, "nOnE"),
        "a token that is signed with an empty key": _make_token(_UNENDING, "HS256", secret=""),
        "a token that is signed with the word secret": _make_token(_UNENDING, "HS256", secret="secret"),
        "a token that is cut off": _make_token(_UNENDING, "HS256", secret="secret").rpartition(".")[0],
    }


def _make_token(claims: Mapping[str, object], algorithm: str, secret: str | None = None) -> str:
    """A JSON Web Token (RFC 7519); without a secret its signature is empty."""
    parts = [_encode_part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()), _encode_part(_dump(claims))]
    signature = b""
    if secret is not None:
        signature = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _encode_part(signature)])


def _dump(claims: Mapping[str, object]) -> bytes:
    return json.dumps(dict(claims)).encode()


def _encode_part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@judge
def judge_disguises(sent: Mapping[str, Exchange], control: Exchange, show: Show) -> Verdict:
    """No request without the right key is answered, in whatever disguise; `control` with it is answered."""
    if not control.ok:
        return make_inconclusive(f"a request with the right key is not answered: {control.outcome}", n=0)
    cases = []
    for name, exchange in sent.items():
        problem = f"without a right key, {name}: the request is answered {exchange.status}" if exchange.ok else None
        unjudged = "" if exchange.response is not None else exchange.outcome
        cases.append(judge_case(name, exchange, problem, show, unjudged))
    return judge_contract(cases, f"no request without a right key is answered, in {len(cases)} disguises")
