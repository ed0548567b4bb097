"""The certificate that nobody trusts: self-signed, for another name, with a key that everybody has.

Tested in tests/commands/test_prove.py.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.core.mutation import OLD_TLS, UNTRUSTED_CERTIFICATE

_FILE = Path(__file__).parents[1] / "data" / "untrusted.pem"


def create_untrusted_context() -> ssl.SSLContext:
    """A server's side of TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_FILE)
    return context


def create_old_context() -> ssl.SSLContext:
    """A server's side of TLS that speaks its old versions, too, where this machine's OpenSSL does."""
    context = create_untrusted_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


TARGET_CONTEXTS: Mapping[str, Callable[[], ssl.SSLContext]] = {
    UNTRUSTED_CERTIFICATE: create_untrusted_context,
    OLD_TLS: create_old_context,
}
"""What listens in place of an https endpoint, by the mutation that has it so."""
