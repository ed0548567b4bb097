"""What real servers show while they start (recorded), each told apart from the others."""

from __future__ import annotations

import pytest

from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange, Request, Response, Timing
from harness.run.service_states import describe_slow_start, describe_start_state


def exchange(error: ErrorClass | None, response: Response | None = None, seconds: float = 0.1) -> Exchange:
    timing = Timing(0.0, sent=0.0, done=seconds)
    return Exchange(Request("POST", "/"), timing, response, error=error, detail="refused" if response is None else "")


@pytest.mark.parametrize(
    ("error", "response", "said"),
    [
        (ErrorClass.CONNECT, None, "not listening: connect: refused"),
        (ErrorClass.FIRST_BYTE_TIMEOUT, None, "accepts connections and does not answer: refused"),
        (
            ErrorClass.STATUS,
            Response(503, body=b"Route table is not populated yet."),
            "starting or overloaded: 503 with Route table is not populated yet.",
        ),
        (ErrorClass.STATUS, Response(400), "answers 400 with an empty body"),
        (
            ErrorClass.STATUS,
            Response(404, body=b'{"error":"\x1b[2Jno\nmodel"}'),
            'answers 404 with {"error":"[2Jno model"}',
        ),
        (ErrorClass.CLOSED, None, "closed: refused"),
        (None, Response(200), None),
    ],
)
def test_states(error: ErrorClass | None, response: Response | None, said: str | None) -> None:
    assert describe_start_state(exchange(error, response)) == said


def test_a_first_prediction_that_was_held_is_said() -> None:
    assert describe_slow_start(exchange(None, Response(200), 5.5)) == "ready, but the first prediction took 5.5 s"
    assert describe_slow_start(exchange(None, Response(200), 0.5)) is None
    assert describe_slow_start(exchange(ErrorClass.STATUS, Response(503), 5.5)) is None
