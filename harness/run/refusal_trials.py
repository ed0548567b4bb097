"""Which bad inputs a service refuses while `aiharness init` looks at it: later it may be promised to.

Tested in tests/commands/test_init_services.py.
"""

from __future__ import annotations

from harness.checks.bad_input.ordinary_inputs import shows_hang
from harness.checks.bad_input.unusable_inputs import is_refused, make_unusable_inputs
from harness.core.adapter import Facts
from harness.core.endpoint import Endpoint
from harness.core.exchange import Query
from harness.io.client import Client
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.run.preflight import load_adapter


def find_refused_inputs(endpoint: Endpoint, client: Client) -> tuple[str, ...]:
    """The names of the bad inputs that are refused; each is sent once, until one hangs.

    `endpoint` has the sample, and the template with which it is answered.
    """
    sample = endpoint.sample
    adapter = load_adapter(endpoint.protocol)
    request = adapter.encode(endpoint, Query(sample), Facts())
    names: list[str] = []
    of_protocol = adapter.bad_requests(endpoint, Facts())
    for bad in make_unusable_inputs(request, sample, of_protocol, is_opaque_text):
        exchange = client.exchange(bad.request)
        if shows_hang(exchange):
            break
        if is_refused(exchange):
            names.append(bad.name)
    return tuple(names)
