"""Make the model that examples/mlflow.toml judges, and the data to judge it with.

    python mlflow_train.py FOLDER [DATA]

writes `FOLDER/model`, whose answers are class probabilities, and `FOLDER/labels`, the same classifier answering with
labels only. Every fifth row of scikit-learn's digits is held out. With DATA, the held-out rows are written to that
folder as `digits_heldout.csv`, and the model's probabilities for forty of them as `digits_golden.jsonl`. Needs mlflow
and scikit-learn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlflow
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

GOLDEN = 40
X, y = load_digits(return_X_y=True)
folder = Path(sys.argv[1])
held_out = [row for row in range(len(X)) if row % 5 == 4]
training = [row for row in range(len(X)) if row % 5 != 4]
model = LogisticRegression(max_iter=2000).fit(X[training], y[training])
for name, method in (("labels", "predict"), ("model", "predict_proba")):
    mlflow.sklearn.save_model(
        model,
        folder / name,
        signature=infer_signature(X, getattr(model, method)(X)),
        pip_requirements=["scikit-learn"],
        pyfunc_predict_fn=method,
    )
if len(sys.argv) > 2:
    data = Path(sys.argv[2])
    with (data / "digits_heldout.csv").open("w") as file:
        print(*(f"p{i}" for i in range(64)), "label", "parity", sep=",", file=file)
        for row in held_out:
            print(*map(int, X[row]), y[row], ("even", "odd")[y[row] % 2], sep=",", file=file)
    with (data / "digits_golden.jsonl").open("w") as file:
        for row in held_out[:GOLDEN]:
            probabilities = [round(p, 4) for p in model.predict_proba(X[[row]])[0].tolist()]
            line = {"input": list(map(int, X[row])), "label": probabilities, "parity": ("even", "odd")[y[row] % 2]}
            print(json.dumps(line), file=file)
