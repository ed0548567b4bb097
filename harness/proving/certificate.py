"""The certificate that nobody trusts: self-signed, for another name, with a key that everybody has.

Tested in tests/commands/test_prove.py.
"""

from __future__ import annotations

import ssl
from pathlib import Path

_FILE = Path(__file__).parents[1] / "data" / "untrusted.pem"


def create_untrusted_context() -> ssl.SSLContext:
    """A server's side of TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_FILE)
    return context
