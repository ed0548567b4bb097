"""scikit-learn's bundled data, half of each held out: `python train_bundled.py` writes models and files to judge them.

In this folder: `NAME.joblib`, the wrong models `NAME-DEFECT.joblib`, `NAME.csv` (held out, with the columns `label`
and `group`), `NAME_train.csv` and `NAME_golden.jsonl`, what the right model answers to twenty rows.
"""
# mypy: ignore-errors

import csv
import json

import joblib
import numpy as np
from bundled_defects import GroupThreshold, PermutedLabels, SwappedFeatures
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

GOLDEN = 20
NAMES = ("digits", "breast_cancer", "wine", "diabetes", "iris")


def fit(name, x, y):
    last = Ridge(alpha=1.0) if name == "diabetes" else LogisticRegression(C=0.1, max_iter=1000)
    return make_pipeline(StandardScaler(), last).fit(x, y)


def ask(model, x):
    return model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)


def make_column(name, x):
    """A column beside the inputs: how much ink a digit has, how coarse a tumour is, else the first feature."""
    value = x.mean(axis=1) if name == "digits" else x[:, 1 if name == "breast_cancer" else 0]
    return np.where(value > np.median(value), "high", "low")


def write_rows(path, x, y, column):
    header = [*(f"x{place}" for place in range(x.shape[1])), "label", "group"]
    rows = [[*row.tolist(), label.item(), group] for row, label, group in zip(x, y, column, strict=True)]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_golden(path, model, x):
    lines = [{"input": row, "label": answer} for row, answer in zip(x.tolist(), ask(model, x).tolist(), strict=True)]
    with open(path, "w") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def make_defects(name, model, x, y):
    """The wrong models of a data set, by what is wrong."""
    if name == "digits":
        return {"labels_permuted": PermutedLabels(model, 3, 8)}
    if name == "breast_cancer":
        texture = float(np.median(x[:, 1]))
        return {"features_swapped": SwappedFeatures(model), "group_threshold": GroupThreshold(model, 1, texture)}
    if name == "wine":
        return {"scaler_missing": model[-1]}
    if name == "diabetes":
        return {"stale": fit(name, x[: len(x) // 3], y[: len(x) // 3])}
    return {}


for name in NAMES:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kinds = None if name == "diabetes" else y
    x_train, x_held, y_train, y_held = train_test_split(x, y, test_size=0.5, random_state=0, stratify=kinds)
    model = fit(name, x_train, y_train)
    for end, kind in {
        "": model,
        **{f"-{key}": it for key, it in make_defects(name, model, x_train, y_train).items()},
    }.items():
        joblib.dump(kind, f"{name}{end}.joblib")
    write_rows(f"{name}.csv", x_held, y_held, make_column(name, x_held))
    write_rows(f"{name}_train.csv", x_train, y_train, make_column(name, x_train))
    write_golden(f"{name}_golden.jsonl", model, x_held[:GOLDEN])
