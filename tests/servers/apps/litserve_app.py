"""A model behind LitServe, written as its documentation does: `python litserve_app.py PORT`."""
# mypy: ignore-errors

import sys

import joblib
import litserve
import numpy as np


class Digits(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load("digits.joblib")

    def decode_request(self, request):
        return np.array(request["instances"])

    def predict(self, x):
        return self.model.predict(x)

    def encode_response(self, output):
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", timeout=30)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
