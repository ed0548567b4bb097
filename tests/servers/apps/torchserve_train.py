"""The network that TorchServe serves: `python torchserve_train.py PATH` writes it as TorchScript."""
# mypy: ignore-errors

import sys

import torch
from sklearn.datasets import load_digits

torch.manual_seed(0)
torch.set_num_threads(1)
digits = load_digits()
inputs, labels = torch.tensor(digits.data, dtype=torch.float32), torch.tensor(digits.target)
net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimiser = torch.optim.Adam(net.parameters(), 1e-2)
for _ in range(200):
    loss = torch.nn.functional.cross_entropy(net(inputs / 16), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
torch.jit.save(torch.jit.trace(torch.nn.Sequential(torch.nn.Identity(), net), inputs[:1]), sys.argv[1])
