"""Handshakes in versions of TLS that nobody should speak any more (RFC 8996).

Tested in tests/suites/adversarial/test_tls_floor.py.
"""

from __future__ import annotations

import ssl
import warnings
from contextlib import suppress
from enum import StrEnum

from harness.core.endpoint import Endpoint
from harness.io import tls
from harness.io.reachability import dial_endpoint

OLD_VERSIONS = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}
_REFUSALS = ("ALERT", "UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER", "UNEXPECTED_EOF")
"""Parts of OpenSSL's reasons for a handshake that the peer, and not this machine, did not want."""


class Handshake(StrEnum):
    """How a handshake ended."""

    DONE = "done"
    REFUSED = "refused"
    UNTRIED = "this machine's OpenSSL does not speak it"
    UNKNOWN = "no answer"


def try_handshake(endpoint: Endpoint, version: ssl.TLSVersion | None, timeout: float) -> Handshake:
    """A handshake with the endpoint itself in this version alone (None: in any that is allowed today).

    The certificate is not verified. Raises `TransportError` where no connection can be opened.
    """
    context = _create_context(endpoint, version)
    if not _can_begin(context, endpoint.host):
        return Handshake.UNTRIED
    with dial_endpoint(endpoint, timeout) as sock:
        sock.settimeout(timeout)
        try:
            context.wrap_socket(sock, server_hostname=endpoint.host).close()
        except TimeoutError:
            return Handshake.UNKNOWN
        except ssl.SSLError as error:
            is_refusal = isinstance(error, ssl.SSLEOFError) or any(word in (error.reason or "") for word in _REFUSALS)
            return Handshake.REFUSED if is_refusal else Handshake.UNKNOWN
        except OSError:
            return Handshake.REFUSED
    return Handshake.DONE


def _create_context(endpoint: Endpoint, version: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = tls.create_context(endpoint.tls, is_used=False)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is None:
        return context
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # The lowest level of security, without which OpenSSL 3 offers neither version.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = version
        context.maximum_version = version
    return context


def _can_begin(context: ssl.SSLContext, host: str) -> bool:
    """Whether this machine can send the first message of such a handshake."""
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host)
    with suppress(ssl.SSLError):
        client.do_handshake()
    return outgoing.pending > 0
