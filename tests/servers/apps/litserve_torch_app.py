"""A torch network behind LitServe: `python litserve_torch_app.py PORT [labels]` answers with probabilities, or not."""
# mypy: ignore-errors

import sys

import litserve
import torch


class Digits(litserve.LitAPI):
    def setup(self, device):
        torch.set_num_threads(1)
        self.model = torch.jit.load("digits.pt")

    def decode_request(self, request):
        return torch.tensor(request["instances"]) / 16

    def predict(self, x):
        return torch.softmax(self.model(x), 1)

    def encode_response(self, output):
        answer = {"predictions": output.argmax(1).tolist()}
        return answer if "labels" in sys.argv else {**answer, "probabilities": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", timeout=30)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
