"""TorchServe's handler for the digits, derived from its base handler as its documentation does."""
# mypy: ignore-errors

import json

import torch
from ts.torch_handler.base_handler import BaseHandler


class Digits(BaseHandler):
    def preprocess(self, data):
        rows = []
        for each in data:
            body = each.get("body") if each.get("body") is not None else each.get("data")
            if isinstance(body, bytes | bytearray):
                body = json.loads(body)
            rows.extend(body["instances"] if isinstance(body, dict) else body)
        return torch.tensor(rows, dtype=torch.float32, device=self.device) / 16

    def postprocess(self, output):
        chances = torch.softmax(output, 1)
        return [{"label": int(row.argmax()), "probs": [float(each) for each in row]} for row in chances]
