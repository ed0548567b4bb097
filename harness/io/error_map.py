"""Every exception that a transport can meet, mapped to the `ErrorClass` that it means.

Three rules. An unmistakable cause decides, however deep it lies (a name without address, TLS, no sockets left here);
otherwise the class of the exception itself decides; an unknown exception is the harness's fault, never the service's.
"""

from __future__ import annotations

import errno
import socket
import ssl
import zlib
from collections.abc import Iterator

import anyio
import h2.events
import h2.exceptions
import h11
import hpack.exceptions
import httpcore
import httpx
import socksio.exceptions

from harness.core.errors import ErrorClass, ProtocolError, TransportError
from harness.io import tls

_KINDS: dict[ErrorClass, tuple[type[BaseException], ...]] = {
    ErrorClass.NAME: (socket.gaierror, socket.herror, UnicodeError),
    ErrorClass.CONNECT: (httpx.ConnectError, ConnectionRefusedError),
    ErrorClass.PROXY: (httpx.ProxyError, socksio.exceptions.SOCKSError),
    ErrorClass.TLS: (ssl.SSLError,),
    ErrorClass.CERTIFICATE: (ssl.SSLCertVerificationError,),
    ErrorClass.CONNECT_TIMEOUT: (httpx.ConnectTimeout, TimeoutError),
    # The harness sets none of httpx's timeouts: these come from the kernel giving up on the peer (ETIMEDOUT).
    ErrorClass.INTER_TOKEN_TIMEOUT: (httpx.ReadTimeout,),
    ErrorClass.TOTAL_TIMEOUT: (httpx.TimeoutException, httpx.WriteTimeout),
    ErrorClass.CLOSED: (
        *(httpx.NetworkError, httpx.ReadError, httpx.WriteError, httpx.CloseError),
        *(h2.exceptions.StreamClosedError, anyio.EndOfStream, anyio.BrokenResourceError, ConnectionError),
    ),
    ErrorClass.MALFORMED: (
        httpx.RemoteProtocolError,
        h11.RemoteProtocolError,
        h2.exceptions.H2Error,
        hpack.exceptions.HPACKError,
    ),
    ErrorClass.TOO_LARGE: (h2.exceptions.DenialOfServiceError,),
    ErrorClass.CONTENT_DECODING: (httpx.DecodingError, zlib.error, UnicodeDecodeError),
    ErrorClass.REDIRECT: (httpx.TooManyRedirects,),
    ErrorClass.STATUS: (httpx.HTTPStatusError,),
    ErrorClass.INVALID: (ProtocolError,),
    ErrorClass.HARNESS: (
        *(httpx.HTTPError, httpx.RequestError, httpx.TransportError, httpx.PoolTimeout, httpx.InvalidURL),
        *(httpx.ProtocolError, httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.CookieConflict),
        *(httpx.StreamError, httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead),
        *(httpcore.ConnectionNotAvailable, h11.ProtocolError, h11.LocalProtocolError),
        *(h2.exceptions.NoAvailableStreamIDError, anyio.ClosedResourceError, anyio.BusyResourceError),
        # A charset that does not exist raises these in httpx's `.text`; the transport keeps bytes and never gets there.
        *(UnicodeEncodeError, TypeError, LookupError, OSError, Exception),
    ),
}
BY_TYPE = {kind: error for error, kinds in _KINDS.items() for kind in kinds}
BY_TYPE |= {  # httpcore's names are httpx's
    getattr(httpcore, kind.__name__): error
    for kind, error in BY_TYPE.items()
    if kind.__module__ == "httpx" and hasattr(httpcore, kind.__name__)
}
"""The nearest class in an exception's method resolution order decides."""

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_OUT_OF_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
"""No file descriptors, memory or ephemeral ports are left on this machine: not the service's fault."""

_EXPLANATIONS = {
    ErrorClass.NAME: "the host name has no address",
    ErrorClass.CONNECT: "no connection",
    ErrorClass.PROXY: "the proxy refused or broke",
    ErrorClass.CONNECT_TIMEOUT: "the connection timed out",
    ErrorClass.INTER_TOKEN_TIMEOUT: "the peer went silent",
    ErrorClass.TOTAL_TIMEOUT: "the exchange timed out",
    ErrorClass.CLOSED: "the connection ended before the answer did",
    ErrorClass.MALFORMED: "what came back is not HTTP",
    ErrorClass.CONTENT_DECODING: "the body cannot be decoded",
    ErrorClass.TOO_LARGE: "the answer is over the cap",
    ErrorClass.INVALID: "not a valid answer in its protocol",
    ErrorClass.HARNESS: "the harness could not carry out the exchange",
}


def classify_error(error: BaseException) -> tuple[ErrorClass, str]:
    """The error class of an exception, and a sentence that says what happened.

    Looks at causes, groups and wrapped arguments. The sentence may quote the exception: redact it before showing it.
    """
    if isinstance(error, TransportError):
        return error.error, str(error)
    chain = list(_list_causes(error))
    for link in chain:
        if isinstance(link, ssl.SSLError):
            return _classify_by_type(link), tls.describe_tls_error(link)
    error_class = next(filter(None, map(_find_unmistakable, chain)), None) or _classify_by_type(error)
    if error_class is ErrorClass.HARNESS and isinstance(error, httpx.ProtocolError | httpcore.ProtocolError):
        # httpcore raises its local error for every error of h2, also for those that the peer caused.
        h2_errors = (_classify_by_type(link) for link in chain if isinstance(link, h2.exceptions.H2Error))
        error_class = next(h2_errors, error_class)
    texts = (str(link).strip() for link in reversed(chain))
    message = next(filter(None, texts), type(error).__name__)
    if error_class is ErrorClass.HARNESS:
        message = f"{type(error).__name__}: {message}"
    if error_class in _EXPLANATIONS:
        message = f"{_EXPLANATIONS[error_class]} ({message})"
    return error_class, message


def _classify_by_type(error: BaseException) -> ErrorClass:
    return next((BY_TYPE[kind] for kind in type(error).__mro__ if kind in BY_TYPE), ErrorClass.HARNESS)


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and its causes, outermost first.

    httpcore drops causes (`raise ... from None`) but keeps the original as its argument. Contexts are followed only
    from httpcore's own exceptions: elsewhere a context may be whatever the caller was handling at the time.
    """
    links: list[BaseException] = []
    waiting = [error]
    while waiting and len(links) < 32:
        link = waiting.pop(0)
        if any(link is known for known in links):
            continue
        links.append(link)
        yield link
        beneath = [link.__cause__, *link.args]
        if isinstance(link, BaseExceptionGroup):
            beneath += link.exceptions
        if type(link).__module__.startswith("httpcore") and not link.args:
            beneath.append(link.__context__)
        waiting.extend(item for item in beneath if isinstance(item, BaseException))


def _find_unmistakable(link: BaseException) -> ErrorClass | None:
    if isinstance(link, socket.gaierror | zlib.error):
        return _classify_by_type(link)
    if isinstance(link, UnicodeError) and _is_host_name(link):
        return ErrorClass.NAME
    if isinstance(link, OSError) and link.errno in _OUT_OF_RESOURCES:
        return ErrorClass.HARNESS
    if isinstance(link, OSError) and link.errno in _UNREACHABLE:
        return ErrorClass.CONNECT
    if isinstance(link, h11.RemoteProtocolError) and link.error_status_hint == 431:
        return ErrorClass.TOO_LARGE  # h11's own bound on what it buffers: a header, a chunk's size, trailers
    events = [item for item in link.args if isinstance(item, h2.events.StreamReset | h2.events.ConnectionTerminated)]
    if events or str(link).startswith(("peer closed connection", "Server disconnected")):
        return ErrorClass.CLOSED
    return None


def _is_host_name(link: UnicodeError) -> bool:
    return type(link) is UnicodeError or getattr(link, "encoding", "") == "idna"
