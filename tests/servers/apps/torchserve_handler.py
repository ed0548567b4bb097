"""TorchServe's handler for the digits, derived from its base handler as its documentation does."""
# mypy: ignore-errors

import json

import torch
from ts.torch_handler.base_handler import BaseHandler


class Digits(BaseHandler):
    def preprocess(self, data):
        rows = []
        for item in data:
            body = item.get("body") if item.get("body") is not None else item.get("data")
            if isinstance(body, bytes | bytearray):
                body = json.loads(body)
            rows.extend(body["instances"] if isinstance(body, dict) else body)
        return torch.tensor(rows, dtype=torch.float32, device=self.device) / 16

    def postprocess(self, output):
        chances = torch.softmax(output, 1)
        return [{"label": int(row.argmax()), "probs": [float(chance) for chance in row]} for row in chances]
