"""The error map is complete, and what it cannot know it never charges to the service."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib

import anyio
import h2.events
import h2.exceptions
import h11
import httpcore
import httpx
import pytest

from harness.core.errors import ErrorClass, ProtocolError, TransportError
from harness.io.error_map import BY_TYPE, classify_error


def list_exported_errors(module: object) -> list[type[BaseException]]:
    members = [getattr(module, name) for name in module.__all__]  # type: ignore[attr-defined]
    return [item for item in members if isinstance(item, type) and issubclass(item, BaseException)]


@pytest.mark.parametrize(
    "kind",
    [*list_exported_errors(httpx), *list_exported_errors(httpcore)],
    ids=lambda k: f"{k.__module__}.{k.__name__}",
)
def test_every_exported_exception_is_mapped_by_name(kind: type[BaseException]) -> None:
    assert kind in BY_TYPE


def test_the_walk_finds_them_all() -> None:
    """Every subclass that exists at run time is exported, so the walk above leaves none out."""

    def below(kind: type[BaseException]) -> set[type[BaseException]]:
        return {kind}.union(*(below(sub) for sub in kind.__subclasses__()))

    known = below(httpx.HTTPError) | below(httpx.StreamError)
    known |= {httpx.InvalidURL, httpx.CookieConflict}
    assert known == set(list_exported_errors(httpx)) | {
        kind for kind in known if not kind.__module__.startswith("httpx")
    }


def wrap_error(outer: type[Exception], inner: Exception) -> Exception:
    """As httpcore does: the original is the argument, its cause wiped; httpx wraps that once more."""
    core = getattr(httpcore, outer.__name__)(inner)
    wrapper: Exception = outer(str(core))
    wrapper.__cause__ = core
    return wrapper


def attempts(*causes: Exception) -> OSError:
    """What anyio raises when no address answers."""
    error = OSError("All connection attempts failed")
    error.__cause__ = causes[0] if len(causes) == 1 else ExceptionGroup("multiple connection attempts failed", causes)
    return error


def too_long() -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError("Receive buffer too long", error_status_hint=431)


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "refused")

CASES: list[tuple[Exception, ErrorClass, str]] = [
    (wrap_error(httpx.ConnectError, socket.gaierror(-2, "Name or service not known")), ErrorClass.NAME, "no address"),
    (wrap_error(httpx.ConnectError, attempts(REFUSED)), ErrorClass.CONNECT, "refused"),
    (wrap_error(httpx.ConnectError, attempts(REFUSED, REFUSED)), ErrorClass.CONNECT, "refused"),
    (wrap_error(httpx.ConnectError, OSError(errno.EHOSTUNREACH, "No route")), ErrorClass.CONNECT, "No route"),
    (wrap_error(httpx.ConnectError, attempts(OSError(errno.EMFILE, "Too many"))), ErrorClass.HARNESS, "Too many"),
    (wrap_error(httpx.ConnectError, OSError(errno.EADDRNOTAVAIL, "no port")), ErrorClass.HARNESS, "no port"),
    (wrap_error(httpx.ConnectError, ssl.SSLError(1, "bad")), ErrorClass.TLS, "TLS failed"),
    (wrap_error(httpx.ReadError, anyio.BrokenResourceError()), ErrorClass.CLOSED, "before the answer"),
    (
        wrap_error(httpx.RemoteProtocolError, h11.RemoteProtocolError("illegal status line")),
        ErrorClass.MALFORMED,
        "illegal",
    ),
    (wrap_error(httpx.RemoteProtocolError, too_long()), ErrorClass.TOO_LARGE, "too long"),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), ErrorClass.CLOSED, "disconnected"),
    (httpcore.RemoteProtocolError(h2.events.StreamReset(stream_id=1)), ErrorClass.CLOSED, "StreamReset"),
    (wrap_error(httpx.LocalProtocolError, h2.exceptions.FrameTooLargeError("big")), ErrorClass.MALFORMED, "big"),
    (wrap_error(httpx.LocalProtocolError, h11.LocalProtocolError("ours")), ErrorClass.HARNESS, "ours"),
    (h2.exceptions.InvalidBodyLengthError(3, 2), ErrorClass.MALFORMED, "not HTTP"),
    (ssl.SSLError(1, "bad"), ErrorClass.TLS, "TLS failed"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), ErrorClass.CLOSED, "reset"),
    (zlib.error("incorrect header"), ErrorClass.CONTENT_DECODING, "incorrect header"),
    (UnicodeError("label empty or too long"), ErrorClass.NAME, "label"),
    (UnicodeEncodeError("idna", "x", 0, 1, "label too long"), ErrorClass.NAME, "label"),
    (UnicodeEncodeError("ascii", "x", 0, 1, "not ascii"), ErrorClass.HARNESS, "not ascii"),
    (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad byte"), ErrorClass.CONTENT_DECODING, "bad byte"),
    (TypeError("charset"), ErrorClass.HARNESS, "TypeError"),
    (LookupError("unknown encoding"), ErrorClass.HARNESS, "LookupError"),
    (httpx.InvalidURL("x"), ErrorClass.HARNESS, "InvalidURL"),
    (OSError(errno.EIO, "disk"), ErrorClass.HARNESS, "disk"),
    (ZeroDivisionError("ours"), ErrorClass.HARNESS, "ZeroDivisionError: ours"),
    (ProtocolError("no event", at="line 3"), ErrorClass.INVALID, "line 3: no event"),
    (TransportError(ErrorClass.TOO_LARGE, "as it is"), ErrorClass.TOO_LARGE, "as it is"),
]


@pytest.mark.parametrize(("error", "expected", "words"), CASES, ids=lambda value: str(value)[:40])
def test_classify(error: Exception, expected: ErrorClass, words: str) -> None:
    error_class, detail = classify_error(error)
    assert error_class is expected
    assert words in detail


def test_unknown_classes_are_the_harness() -> None:
    class New(httpx.TransportError):
        pass

    assert classify_error(New("?"))[0] is ErrorClass.HARNESS
    assert classify_error(KeyboardInterrupt())[0] is ErrorClass.HARNESS


def test_what_the_caller_was_handling_does_not_count() -> None:
    error = httpx.ReadError("")
    error.__context__ = socket.gaierror(-2, "an older failure")
    assert classify_error(error)[0] is ErrorClass.CLOSED


def test_a_cycle_of_causes_ends() -> None:
    first, second = httpx.ReadError("a"), httpx.ReadError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify_error(first)[0] is ErrorClass.CLOSED
