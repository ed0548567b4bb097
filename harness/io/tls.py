"""TLS settings made into a context, and OpenSSL's reasons made into sentences."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from harness.core.endpoint import TLS
from harness.core.errors import UsageError

_VERIFY = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed and not trusted",
    19: "the chain ends in a self-signed certificate that is not trusted (a private CA? give its CA file)",
    20: "the certificate's issuer is not trusted (a private CA? give its CA file)",
    21: "the certificate's chain is incomplete or its CA is not trusted",
    62: "the certificate is for another host name",
    64: "the certificate is for another address",
}
"""OpenSSL's X509_V_ERR codes (x509_vfy.h) that a misconfigured service shows."""


def create_context(settings: TLS) -> ssl.SSLContext:
    """A client context that verifies host and chain, with the files of `settings`.

    Without a CA file the system's store is trusted, and certifi's bundle where the system has none. Raises
    `UsageError` that names the file and what is wrong with it.
    """
    paths = ssl.get_default_verify_paths()
    if settings.ca_file is None:
        known = paths.cafile is not None or paths.capath is not None
        made = ssl.create_default_context() if known else httpx.create_ssl_context(trust_env=False)
    else:
        _readable("CA file", settings.ca_file)
        try:
            made = ssl.create_default_context(cafile=settings.ca_file)
        except (ssl.SSLError, ValueError) as error:
            raise UsageError(f"CA file {settings.ca_file!r} holds no PEM certificate ({_short(error)})") from None
    _add_client_certificate(made, settings)
    return made


def _add_client_certificate(made: ssl.SSLContext, settings: TLS) -> None:
    if settings.client_cert is None:
        if settings.client_key is not None:
            raise UsageError(f"client key {settings.client_key!r} is given without a client certificate")
        return
    _readable("client certificate", settings.client_cert)
    if settings.client_key is not None:
        _readable("client key", settings.client_key)
    try:
        # An empty password keeps OpenSSL from asking for one on the terminal.
        made.load_cert_chain(settings.client_cert, settings.client_key, password="")
    except (ssl.SSLError, ValueError) as error:
        files = f"client certificate {settings.client_cert!r}"
        if settings.client_key is not None:
            files += f" with key {settings.client_key!r}"
        raise UsageError(f"{files} cannot be used: {_file_reason(error)}") from None


def _readable(what: str, name: str) -> None:
    try:
        Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{what} {name!r} cannot be read: {reason}") from None


def _file_reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or ""
    if "KEY_VALUES_MISMATCH" in reason:
        return "the key does not belong to the certificate"
    if reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ") or "DECRYPT" in reason:
        return "the key is encrypted; give one without a password"
    return f"not PEM with a certificate and its key ({_short(error)})"


def _short(error: Exception) -> str:
    return str(getattr(error, "reason", None) or str(error)).replace("_", " ").lower()


def describe_tls_error(error: ssl.SSLError) -> str:
    """Why a handshake failed, in words: expired, wrong host, untrusted issuer, client certificate required, ..."""
    if isinstance(error, ssl.SSLCertVerificationError):
        told = error.verify_message or _short(error)
        sentence = _VERIFY.get(error.verify_code)
        return f"{sentence} ({told})" if sentence else f"the certificate does not verify ({told})"
    name = getattr(error, "reason", None) or ""  # absent when Python, not OpenSSL, made the error
    if "CERTIFICATE_REQUIRED" in name or "HANDSHAKE_FAILURE" in name:
        return f"the service refused the handshake; it may require a client certificate ({_short(error)})"
    if name in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"the peer does not speak TLS here ({_short(error)})"
    if isinstance(error, ssl.SSLEOFError) or "UNEXPECTED_EOF" in name:
        return "the peer ended the handshake"
    return f"TLS failed ({_short(error)})"
