"""What can be switched on in the reference service: a defect (wrong on purpose) or a variant (odd, and right)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.types import ASGIApp

from detection.wire import Wire
from harness.reference.settings import ServiceSettings

PLAIN, V2, CHAT, EMBEDDINGS = "plain_json", "v2", "openai_chat", "openai_embeddings"
COMPLETIONS = "openai_completions"
"""The protocols that the service speaks, under the names of their adapters."""

_T = TypeVar("_T")


def _same(value: _T) -> _T:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTrial:
    """The load under which a defect shows, and the verdict that names it.

    `settings` are the keys of `[load]`, `objectives` metrics with their limits, `sample` is the prompt or input that is
    configured (None: the adapter's). The check that must catch it ends with `status`, and its reason holds `words`.
    """

    settings: Mapping[str, Any]
    words: str
    objectives: tuple[tuple[str, str], ...] = (("error_rate", "<= 20%"),)
    sample: Any = None
    status: str = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One thing that the service does differently.

    `title` is one line for people, `name` its file's (`load_switch` sets it). It shows in these `protocols`, in a run
    that makes these `promises` of the service (names and values of `[promises]`) and, with `needs_key`, asks for a key.

    Four hooks, from the inside out: `configure` changes the settings before the service is made; `wrap` puts an ASGI
    application around it, behind its door; `outside` one in front of the door, which knows keys, limits and
    identifiers; `wire` changes the bytes that leave the socket, for what an ASGI application cannot send (a wrong
    content-length).
    """

    title: str
    name: str = ""
    protocols: tuple[str, ...] = (PLAIN, V2, CHAT)
    promises: Mapping[str, Any] = field(default_factory=dict)
    needs_key: bool = False
    configure: Callable[[ServiceSettings], ServiceSettings] = _same
    wrap: Callable[[ASGIApp], ASGIApp] = _same
    outside: Callable[[ASGIApp], ASGIApp] = _same
    wire: Wire | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect(Switch):
    """One fault that the service can be given on purpose; a file in `detection/defects/` offers it as `DEFECT`.

    `caught_by` is the id, or its beginning, of the check that must catch it. With `load` it shows under that load, to
    the load suite; without, to smoke and integration.
    """

    caught_by: str
    load: LoadTrial | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(Switch):
    """A way of real servers that looks odd and is right; a file in `detection/variants/` offers it as `VARIANT`.

    No check may fail it. `withdraws` names the promises that such a service does not make.
    """

    withdraws: tuple[str, ...] = ()
