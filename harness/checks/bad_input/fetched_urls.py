"""Requests that name an address of this machine (SSRF): who fetches it can be led to what lies behind the service.

The address is one of a server of the harness, and holds a token of its own in each request: a fetch is the proof.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.checks.bad_input.media import list_address_bodies, list_media_bodies
from harness.checks.bad_input.requests import parse_body, replace_body
from harness.checks.common import Show, judge, judge_case
from harness.core.exchange import Exchange, Request
from harness.core.verdict import Case, Verdict, judge_contract, make_inconclusive

_SPELLINGS: Mapping[str, str] = {
    "a short address": "http://127.1:{port}/{token}",
    "a number as the address": "http://2130706433:{port}/{token}",
    "an octal address": "http://0177.0.0.1:{port}/{token}",
    "an address of IPv6": "http://[::ffff:127.0.0.1]:{port}/{token}",
    "the address of every interface": "http://0.0.0.0:{port}/{token}",
    "a name of this machine": "http://localhost:{port}/{token}",
    "another host's name before the address": "http://trusted.invalid@127.0.0.1:{port}/{token}",
    "capitals": "HTTP://LOCALHOST:{port}/{token}",
}
"""Other spellings of the same address, which a comparison of texts lets through."""
_HEADERS = (
    "callback-url",
    "x-callback-url",
    "webhook-url",
    "x-webhook-url",
    "x-image-url",
    "referer",
    "x-forwarded-url",
)
MOST_URL_REQUESTS = 75


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """A request that names the address with `token` in a place."""

    name: str
    request: Request
    token: str


def list_url_requests(valid: Request, port: int, mint: Callable[[], str]) -> list[UrlRequest]:
    """The valid request with an address at this port of this machine in every place, then in every spelling."""
    body = parse_body(valid)
    plain = "http://127.0.0.1:{port}/{token}"
    requests: list[UrlRequest] = []

    def write(form: str) -> tuple[str, str]:
        token = mint()
        return token, form.format(port=port, token=token)

    def add(name: str, request: Request, token: str) -> None:
        requests.append(UrlRequest(name, request, token))

    for place in [*list_media_bodies(body, ""), *list_address_bodies(body, "")]:
        token, address = write(plain)
        bodies = {**list_media_bodies(body, address), **list_address_bodies(body, address)}
        add(place, replace_body(valid, json.dumps(bodies[place]).encode()), token)
    places = [*[*list_media_bodies(body, "")][:1], "a member url"]
    for spelling, form in _SPELLINGS.items():
        for place in places if isinstance(body, dict) else ():
            token, address = write(form)
            bodies = {**list_media_bodies(body, address), **list_address_bodies(body, address)}
            add(f"{place}, with {spelling}", replace_body(valid, json.dumps(bodies[place]).encode()), token)
    for place in list_media_bodies(body, ""):
        if "image_url" in place or "video_url" in place:
            token, address = write(plain)
            changed = list_media_bodies(body, _wrap_address(place, address))[place]
            add(f"{place}, in a file that refers on", replace_body(valid, json.dumps(changed).encode()), token)
    for name in _HEADERS:
        token, address = write(plain)
        add(f"a header line {name}", replace(valid, headers=(*valid.headers, (name, address))), token)
    path, token = valid.path.partition("?")[0], mint()
    add("a name of a host", Request("GET", f"/{token}", (("host", f"127.0.0.1:{port}"),)), token)
    token, address = write(plain)
    add("a query", replace(valid, path=f"{path}?url={address}&callback={address}"), token)
    token, address = write(plain)
    add("a path", Request("GET", f"/{address}"), token)
    token, address = write(plain)
    entity = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{address}">]><a>&b;</a>'
    add("an external entity of XML", replace_body(valid, entity.encode(), "application/xml"), token)
    return requests[:MOST_URL_REQUESTS]


def _wrap_address(place: str, address: str) -> str:
    """A picture, or a list of pieces of a film, that refers to the address."""
    if "video" in place:
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"
        return "data:application/vnd.apple.mpegurl;base64," + base64.b64encode(playlist.encode()).decode()
    link = f'xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="{address}" width="1" height="1"/>'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1" {link}</svg>'
    return "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode()


@judge
def judge_fetches(
    sent: Sequence[tuple[UrlRequest, Exchange]], hits: Mapping[str, Sequence[str]], control: Exchange, show: Show
) -> Verdict:
    """FAIL where a named address was fetched; `hits` has the callers by token. `control` is a valid request."""
    if not control.ok:
        return make_inconclusive(f"a valid request is not answered, so that nothing is shown: {control.outcome}", n=0)
    cases: list[Case] = []
    for named, exchange in sent:
        agents = hits.get(named.token)
        caller = f" (by {agents[0]})" if agents and agents[0] else ""
        problem = f"an address of this machine in {named.name} is fetched{caller}" if agents else None
        unjudged = "" if agents or exchange.response is not None else exchange.outcome
        cases.append(judge_case(named.name, exchange, problem, show, unjudged))
    verdict = judge_contract(
        cases, f"no address of this machine is fetched: {len(cases)} places and spellings were tried"
    )
    return verdict.with_notes(
        "the addresses are of a server of the harness on loopback: a service in a container of its own has another "
        "loopback, and shows nothing unless the harness runs in its network"
    )
