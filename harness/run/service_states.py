"""The states of a service that is starting, told apart: real servers show all of them before they answer."""

from __future__ import annotations

from harness.core.answer_class import AnswerClass, classify_exchange
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange

HELD = 2.0
"""Seconds that a first prediction may take before it is said: TorchServe holds it until the model is loaded."""

_SAID = 80


def starting_state(prediction: Exchange) -> str | None:
    """Why a prediction says that the service is not ready, in a few words; None when it is.

    Not listening, accepting and silent, 503 with its text (Ray, llama-server), 400 with an empty body (MLServer).
    """
    if prediction.ok:
        return None
    error, response = prediction.error, prediction.response
    if error is not None and error.is_before_contact:
        return f"not listening: {error}: {prediction.detail}"
    if error in (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT) and response is None:
        return f"accepts and is silent: {prediction.detail}"
    if error is ErrorClass.STATUS and response is not None:
        said = " ".join(response.body[: 4 * _SAID].decode("utf-8", "replace").split())
        said = "".join(each for each in said if each.isprintable())[:_SAID] or "an empty body"
        if classify_exchange(prediction) is AnswerClass.OVERLOADED:
            return f"starting or overloaded: {response.status} with {said}"
        return f"answers {response.status} with {said}"
    return f"{error}: {prediction.detail}"


def held(prediction: Exchange) -> str | None:
    """A note on a first prediction that was answered, and late."""
    seconds = prediction.timing.service_time
    if not prediction.ok or seconds is None or seconds < HELD:
        return None
    return f"ready, but the first prediction was held for {seconds:.1f} s"
