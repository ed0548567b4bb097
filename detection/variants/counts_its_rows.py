"""An output that belongs to the request: how many rows it had, announced with a shape of one entry."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from detection.change_request import Object, change_pairs, read_batch
from detection.switch import V2, Variant
from detection.two_versions import change_pages

_COUNT = {"name": "count", "datatype": "INT64", "shape": [1]}


def _count_rows(request: Object, answer: Object) -> None:
    if "outputs" in answer and "outputs" not in request:
        answer["outputs"].append({**_COUNT, "data": [len(read_batch(request) or ())]})


def _announce(page: Object) -> None:
    if "outputs" in page:
        page["outputs"].append(_COUNT)


def _wrap(app: ASGIApp) -> ASGIApp:
    infer, pages = change_pairs(app, _count_rows), change_pages(app, _announce)

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith("/v2/models/")
        await (pages if is_page else infer)(scope, receive, send)

    return around


VARIANT = Variant(
    title="an output has one entry a request, the number of its rows, and not one for each row",
    protocols=(V2,),
    wrap=_wrap,
)
