"""The states of a service that is starting: real servers show all of them before they answer."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urljoin

from harness.core.answer_class import AnswerClass, classify_exchange
from harness.core.endpoint import Endpoint
from harness.core.errors import ErrorClass
from harness.core.exchange import Exchange
from harness.core.visible_text import fold_line

SLOW_START = 2.0
"""Seconds of a first prediction from which it is noted: TorchServe answers it when the model is loaded."""

_MOST_CHARACTERS = 80


def describe_start_state(prediction: Exchange) -> str | None:
    """Why a prediction shows that the service is not ready, in a few words; None when it is ready.

    Not listening, accepting and silent, 503 with a text (Ray, llama-server), 400 with an empty body (MLServer).
    """
    if prediction.ok:
        return None
    error, response = prediction.error, prediction.response
    if error is not None and error.is_before_contact:
        return f"not listening: {error}: {prediction.detail}"
    if error in (ErrorClass.FIRST_BYTE_TIMEOUT, ErrorClass.TOTAL_TIMEOUT) and response is None:
        return f"accepts connections and does not answer: {prediction.detail}"
    if error is not ErrorClass.STATUS or response is None:
        return f"{error}: {prediction.detail}"
    text = " ".join(response.body[: 4 * _MOST_CHARACTERS].decode("utf-8", "replace").split())
    text = "".join(filter(str.isprintable, text))[:_MOST_CHARACTERS] or "an empty body"
    if classify_exchange(prediction) is AnswerClass.OVERLOADED:
        return f"starting or overloaded: {response.status} with {text}"
    return f"answers {response.status} with {text}"


def describe_slow_start(prediction: Exchange) -> str | None:
    """A note on a first prediction that was answered late; None for any other."""
    seconds = prediction.timing.service_time
    if not prediction.ok or seconds is None or seconds < SLOW_START:
        return None
    return f"ready, but the first prediction took {seconds:.1f} s"


def describe_redirect(endpoint: Endpoint, exchange: Exchange) -> str:
    """Where an exchange was redirected to, and the URL to give; empty where it was not redirected."""
    location = exchange.response.header("location") if exchange.response else None
    if exchange.error is not ErrorClass.REDIRECT or location is None:
        return ""
    path = exchange.request.path
    with suppress(ValueError):  # what is no URL is shown as it is
        location = urljoin(endpoint.url + path, location)
    target = re.sub(r"//[^/]*@", "//***@", fold_line(location.partition("?")[0]))
    base = target.rstrip("/").removesuffix(path.partition("?")[0].rstrip("/"))
    words = f"the endpoint redirects {exchange.request.method} {path} to {target}, which is not followed"
    if base == endpoint.url:
        return f"{words}: its paths end otherwise than the protocol's"
    if base == target or not base.startswith("http"):
        return f"{words}: give the URL of the service itself"
    return f"{words}: give {base}"
