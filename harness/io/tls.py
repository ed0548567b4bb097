"""TLS contexts made of settings, and sentences made of OpenSSL's reasons."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from harness.core.endpoint import TLS
from harness.core.errors import UsageError

_VERIFY = {
    9: "the certificate, or that of a CA in its chain, is not valid yet",
    10: "the certificate, or that of a CA in its chain, has expired",
    18: "the certificate is self-signed and not trusted",
    19: "the chain ends in a self-signed certificate that is not trusted (a private CA? give its CA file)",
    20: "the certificate's issuer is not trusted (a private CA? give its CA file)",
    21: "the certificate's chain is incomplete or its CA is not trusted",
    62: "the certificate is for another host name",
    64: "the certificate is for another address",
}
"""OpenSSL's X509_V_ERR codes (x509_vfy.h) that a misconfigured service shows."""

_REASONS = {
    ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE"): (
        "the service refused the handshake; it may require a client certificate: "
        "give client_cert and client_key under [endpoint] tls"
    ),
    ("ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE"): (
        "the service does not accept the client certificate"
    ),
    ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"): (
        "the peer does not speak TLS here; if it speaks plain HTTP, give an http:// URL"
    ),
    ("UNSUPPORTED_PROTOCOL", "ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"): (
        "no TLS version in common; the harness speaks TLS 1.2 and 1.3"
    ),
    ("UNRECOGNIZED_NAME",): "the service has no certificate for this host name (SNI)",
}
"""Parts of OpenSSL's reasons (sslerr.h) and what they mean to the user."""


def create_context(settings: TLS, *, is_used: bool = True) -> ssl.SSLContext:
    """A client context that verifies host and chain, with the files of `settings`.

    Without a CA file the system's store is trusted, and certifi's bundle where the system has none. A context that is
    not used, because the endpoint is plain, trusts nobody: reading the store takes 35 ms. Raises `UsageError` that
    names the file and what is wrong with it.
    """
    if settings.ca_file is None and not is_used:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = _create_trusting_context(settings.ca_file)
    _add_client_certificate(context, settings)
    return context


def _create_trusting_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        paths = ssl.get_default_verify_paths()
        if paths.cafile is None and paths.capath is None:
            return httpx.create_ssl_context(trust_env=False)
        return ssl.create_default_context()
    _check_readable("CA file", ca_file)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(f"CA file {ca_file!r} holds no PEM certificate ({_get_reason(error)})") from None


def _add_client_certificate(context: ssl.SSLContext, settings: TLS) -> None:
    if settings.client_cert is None:
        if settings.client_key is not None:
            raise UsageError(f"client key {settings.client_key!r} is given without a client certificate")
        return
    _check_readable("client certificate", settings.client_cert)
    if settings.client_key is not None:
        _check_readable("client key", settings.client_key)
    try:
        # An empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(settings.client_cert, settings.client_key, password="")
    except (ssl.SSLError, ValueError) as error:
        files = f"client certificate {settings.client_cert!r}"
        if settings.client_key is not None:
            files += f" with key {settings.client_key!r}"
        raise UsageError(f"{files} cannot be used: {_describe_file_error(error)}") from None


def _check_readable(what: str, name: str) -> None:
    try:
        Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{what} {name!r} cannot be read: {reason}") from None


def _describe_file_error(error: Exception) -> str:
    reason = getattr(error, "reason", None) or ""
    if "KEY_VALUES_MISMATCH" in reason:
        return "the key does not belong to the certificate"
    if reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ") or "DECRYPT" in reason:
        return "the key is encrypted; give one without a password"
    return f"not PEM with a certificate and its key ({_get_reason(error)})"


def _get_reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or str(error)).replace("_", " ").lower()


def describe_tls_error(error: ssl.SSLError) -> str:
    """Why a handshake failed, in words: expired, wrong host, untrusted issuer, client certificate required, ..."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = error.verify_message or _get_reason(error)
        sentence = _VERIFY.get(error.verify_code)
        return f"{sentence or 'the certificate does not verify'} ({message})"
    name = getattr(error, "reason", None) or ""  # absent when Python, not OpenSSL, made the error
    for words, sentence in _REASONS.items():
        if any(word in name for word in words):
            return f"{sentence} ({_get_reason(error)})"
    if isinstance(error, ssl.SSLEOFError) or "UNEXPECTED_EOF" in name:
        return "the peer ended the handshake"
    return f"TLS failed ({_get_reason(error)})"
