"""What is sent beside valid requests: bad ones, which must not harm their neighbours.

Tested in tests/suites/integration/test_company.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from harness.checks.bad_input.parameters import BAD_PARAMETERS
from harness.checks.bad_input.requests import BadRequest
from harness.checks.bad_input.unusable_inputs import make_unusable_inputs, name_protocol_request
from harness.core.exchange import Query
from harness.protocols.shared.opaque_text import is_opaque_text
from harness.suite import Session

from .bad_input_trials import make_bad_parameter

_T = TypeVar("_T")


def make_bad_neighbours(ai_client: Session, query: Query, most: int) -> list[BadRequest]:
    """At most `most` bad requests of different kinds: the input, the parameters, what the protocol forbids."""
    of_protocol = ai_client.adapter.bad_requests(ai_client.endpoint, ai_client.facts)
    request = ai_client.request(query)
    kinds = [list(make_unusable_inputs(request, query.inputs, of_protocol, is_opaque_text))]
    if ai_client.capabilities.generates:
        certain = [name for name, parameter in BAD_PARAMETERS.items() if not parameter.may_accept]
        kinds.append([make_bad_parameter(ai_client, name) for name in certain])
    if not kinds[0]:
        kinds.append([name_protocol_request(name, wrong) for name, wrong in of_protocol.items()])
    share = -(-most // max(1, sum(map(bool, kinds))))
    return [bad for kind in kinds for bad in _select_spread(kind, share)][:most]


def _select_spread(values: Sequence[_T], n: int) -> list[_T]:
    """At most n of the values, from the first to the last."""
    if len(values) <= n:
        return list(values)
    return [values[place * (len(values) - 1) // max(1, n - 1)] for place in range(n)]
