"""How each tutorial service is broken: one change of its source, and the words by which a headline names the cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breakage:
    """A change of a service's source (`old` becomes `new`), and a regular expression that a headline matches."""

    title: str
    old: str
    new: str
    cause: str


FILLED: Mapping[str, str] = {
    "batch_instances": """other_samples = [
  [[14.23, 1.71, 2.43, 15.6, 127, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065]],
  [[12.86, 1.35, 2.32, 18.0, 122, 1.51, 1.25, 0.21, 0.94, 4.1, 0.76, 1.29, 630]],
]""",
}
"""What a user who knows the service fills into the commented lines, where `init` found nothing."""
_SLOW = r"longer than 2000 ms|slow|took .* s\b"
_STATUS_500 = r"HTTP 500|status 500|answered 500"
_MIXED = r"cross-talk|got the answer to|answer to input|not its own|holds the answer to"
_NAN = r"NaN|not a finite|not valid JSON"
_CONSTANT = r"same answer|do not differ|does not depend|constant"
_ACCEPTED = r"accepted|answered 200"

BREAKAGES: Mapping[str, Sequence[Breakage]] = {
    "iris_list": (
        Breakage("text for a number", "int(prediction)", "str(prediction)", r"str|text|type|expected"),
        Breakage("constant class", "model.predict([request.features])[0]", "1", _CONSTANT + "|expected"),
        Breakage(
            "NaN for some inputs",
            "    prediction =",
            "    if request.features[0] > 5:\n        from fastapi.responses import Response\n\n"
            '        return Response(\'{"prediction": NaN, "class_name": "?"}\', media_type="application/json")\n'
            "    prediction =",
            _NAN,
        ),
        Breakage("slow", "    prediction =", "    import time\n\n    time.sleep(2.5)\n    prediction =", _SLOW),
        Breakage("field renamed", '{"prediction": int', '{"result": int', r"prediction"),
    ),
    "loan_named": (
        Breakage(
            "error inside a 200",
            "    ratio =",
            "    from fastapi.responses import JSONResponse\n\n"
            '    return JSONResponse({"error": "model file not found", "approved": None, "probability": None})\n'
            "    ratio =",
            r"error|null|model file",
        ),
        Breakage("probability above one", "probability = 1 /", "probability = 2 +", r"range|2\.\d|expected"),
        Breakage(
            "hang for the unemployed",
            "    ratio =",
            '    import time\n\n    if application.employment == "unemployed":\n        time.sleep(600)\n    ratio =',
            r"time|deadline|no answer|within",
        ),
        Breakage(
            "500 without the optional field",
            "    if application.credit_score is not None:",
            "    if application.credit_score < 700:",
            _STATUS_500,
        ),
        Breakage(
            "answers of the caller before",
            "    ratio =",
            "    last, globals()['last'] = globals().get('last') or application, application\n"
            "    application = last\n    ratio =",
            _MIXED,
        ),
    ),
    "flask_input": (
        Breakage(
            "error inside a 200",
            "    data = request",
            '    return jsonify({"error": "model is not fitted"})\n    data = request',
            r"error|prediction|model is not fitted",
        ),
        Breakage(
            "500 with traceback",
            "    data = request.json",
            "    import traceback\n\n    try:\n        request.json['input'][9]\n    except Exception:\n"
            "        return traceback.format_exc(), 500\n    data = request.json",
            _STATUS_500 + "|traceback",
        ),
        Breakage(
            "silent default for a missing field",
            'request.json["input"]',
            'request.json.get("input", [5.1, 3.5, 1.4, 0.2])',
            _ACCEPTED + "|missing|without",
        ),
        Breakage(
            "numpy value does not serialise", "int(prediction[0])", "prediction[0]", _STATUS_500 + "|serialis|NumPy"
        ),
        Breakage(
            "random class",
            "model.predict(np.array(data).reshape(1, -1))",
            "[np.random.randint(0, 3)]",
            r"expected|differ|random",
        ),
    ),
    "batch_instances": (
        Breakage(
            "one prediction short",
            "predictions.tolist()",
            "predictions.tolist()[:-1]",
            r"rows|answers|predictions|empty",
        ),
        Breakage("batch in reverse order", "predictions.tolist()", "predictions.tolist()[::-1]", _MIXED + "|batch|row"),
        Breakage(
            "every row answered as the first",
            "predictions.tolist()",
            "[int(predictions[0])] * len(predictions)",
            _MIXED + "|batch|row",
        ),
        Breakage(
            "empty rows are class 0",
            "    try:\n",
            "    body.instances = [(row + [0.0] * 13)[:13] for row in body.instances]\n    try:\n",
            _ACCEPTED,
        ),
        Breakage(
            "one of four fails",
            "    try:\n",
            "    import random\n\n    if random.random() < 0.25:\n        raise RuntimeError\n    try:\n",
            _STATUS_500,
        ),
    ),
    "image_upload": (
        Breakage(
            "500 for what is not an image",
            'raise HTTPException(status_code=400, detail="File provided is not an image.")',
            "raise",
            _STATUS_500,
        ),
        Breakage("constant class", "min(2, int(brightness * 3))", "1", _CONSTANT + "|expected"),
        Breakage(
            "confidence is text",
            '"confidence": 0.5 + abs(brightness - 0.5)',
            '"confidence": "high"',
            r"confidence|text|str",
        ),
        Breakage("the class is missing", '"class": LABELS[index], ', "", r"class"),
        Breakage(
            "hang on the second upload at once",
            "    try:\n",
            "    import time\n\n    time.sleep(2.5)\n    try:\n",
            _SLOW,
        ),
    ),
    "text_stream": (
        Breakage(
            "stream is cut",
            "        await asyncio.sleep(0.005)",
            '        await asyncio.sleep(0.005)\n        if i == 5:\n            raise RuntimeError("lost")',
            r"incomplete|cut|end|peer closed",
        ),
        Breakage("empty stream", "in range(max_tokens)", "in range(0)", r"empty|no text"),
        Breakage(
            "error inside the stream",
            "    start = sum",
            '    yield "Traceback (most recent call last): CUDA out of memory"\n    return\n    start = sum',
            r"[Tt]raceback|CUDA",
        ),
        Breakage("slow first token", "    start = sum", "    await asyncio.sleep(2.5)\n    start = sum", _SLOW),
        Breakage(
            "hang within the stream",
            "        await asyncio.sleep(0.005)",
            "        await asyncio.sleep(0.005 if i < 5 else 600)",
            r"time|stall|no .* within|inter",
        ),
    ),
    "openai_chat": (
        Breakage("stream is cut", "    ending =", "    return\n    ending =", r"cut off|finish reason"),
        Breakage(
            "stream without a finish reason",
            '"delta": {}, "finish_reason": "stop"',
            '"delta": {}',
            r"no finish reason",
        ),
        Breakage(
            "error inside a 200",
            '    return {\n        "id": "1337"',
            '    return {"error": {"message": "model overloaded"}}\n    return {\n        "id": "1337"',
            r"error|overloaded|choices",
        ),
        Breakage(
            "answers of the caller before",
            "    if request.messages:",
            "    text, globals()['last'] = globals().get('last', 'none'), request.messages[-1].content\n"
            "    request.messages[-1].content = text\n    if request.messages:",
            _MIXED + "|leak",
        ),
        Breakage("slow", "    if request.stream:", "    await asyncio.sleep(2.5)\n    if request.stream:", _SLOW),
    ),
    "sentiment": (
        Breakage("constant label", "probabilities.argmax()", "0", _CONSTANT + "|expected"),
        Breakage(
            "scores in percent",
            "float(probabilities[best])",
            "float(probabilities[best]) * 100",
            r"range|at most 1|expected",
        ),
        Breakage(
            "500 for long texts",
            "    probabilities =",
            "    assert len(request.text) < 200\n    probabilities =",
            _STATUS_500,
        ),
        Breakage("text is optional", "    text: str", '    text: str = "I love this"', _ACCEPTED + "|missing"),
        Breakage(
            "model is still loading",
            "    probabilities =",
            '    from fastapi import HTTPException\n\n    raise HTTPException(503, "model is loading")\n'
            "    probabilities =",
            r"503|loading",
        ),
    ),
    "house_price_key": (
        Breakage(
            "key is not checked", 'if key != os.environ["API_KEY"]:', "if not key:", r"wrong credential|credential"
        ),
        Breakage("negative price", "round(float(price), 2)", "-round(float(price), 2)", r"expected|range|negative"),
        Breakage(
            "traceback with the key",
            "    price =",
            "    if house.bedrooms < 0 or house.square_meters > 1e6:\n"
            "        from fastapi.responses import PlainTextResponse\n\n        import traceback\n\n"
            "        try:\n            raise ValueError(key)\n        except ValueError:\n"
            "            return PlainTextResponse(traceback.format_exc(), 500)\n    price =",
            r"traceback|HTTP 500|leak",
        ),
        Breakage("price is null", "round(float(price), 2)", "None", r"null|None|type|price"),
        Breakage(
            "answers swapped between callers",
            "    price =",
            "    import time\n\n    globals()['current'] = house\n    time.sleep(0.05)\n"
            "    house = globals()['current']\n    price =",
            _MIXED,
        ),
    ),
    "image_base64": (
        Breakage("probabilities do not sum to one", "rows / rows.sum()", "rows", r"sums? to|outside \[0, 1\]|expected"),
        Breakage("probabilities are NaN", "rows / rows.sum()", "rows * float('nan')", _NAN + "|" + _STATUS_500),
        Breakage("health says ok, model is gone", "    try:\n", "    raise RuntimeError\n    try:\n", _STATUS_500),
        Breakage(
            "what is not an image is class 0",
            'raise HTTPException(status_code=422, detail="image is not a base64-encoded image")',
            'return {"label": 0, "probabilities": [1.0, 0.0]}',
            _ACCEPTED,
        ),
        Breakage("constant class", "int(probabilities.argmax())", "1", _CONSTANT + "|expected"),
    ),
}
