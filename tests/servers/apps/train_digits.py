"""The model that most rows serve: `python train_digits.py PATH` writes a LogisticRegression of digits with joblib.

Every fifth row of scikit-learn's digits is held out; those are the rows of examples/digits_heldout.csv. With `forest`
after the path it is a forest.
"""
# mypy: ignore-errors

import sys

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

X, y = load_digits(return_X_y=True)
train_rows = [row for row in range(len(X)) if row % 5 != 4]
forest, linear = RandomForestClassifier(30, random_state=0), LogisticRegression(max_iter=2000)
joblib.dump((forest if "forest" in sys.argv else linear).fit(X[train_rows], y[train_rows]), sys.argv[1])
