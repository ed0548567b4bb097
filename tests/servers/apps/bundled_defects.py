"""Right models made wrong, in a module of their own so that a server can load them."""
# mypy: ignore-errors

import numpy as np


class _Scores:
    """A classifier by the scores of another one."""

    def __init__(self, model):
        self.model = model

    def predict(self, x):
        return self.model.classes_[self.predict_proba(x).argmax(axis=1)]


class PermutedLabels(_Scores):
    """Rows of one class get the name of another one."""

    def __init__(self, model, one, other):
        super().__init__(model)
        self.one, self.other = one, other

    def predict_proba(self, x):
        scores = self.model.predict_proba(x)
        rows = scores.argmax(axis=1) == self.one
        columns = np.arange(scores.shape[1])
        columns[[self.one, self.other]] = self.other, self.one
        scores[rows] = scores[rows][:, columns]
        return scores


class SwappedFeatures(_Scores):
    """The features come in the opposite order."""

    def predict_proba(self, x):
        return self.model.predict_proba(np.asarray(x)[:, ::-1])


class GroupThreshold(_Scores):
    """The second class is answered to rows with a large feature only from a score of .99 on."""

    def __init__(self, model, feature, over):
        super().__init__(model)
        self.feature, self.over = feature, over

    def predict_proba(self, x):
        scores = self.model.predict_proba(x)
        rows = (np.asarray(x)[:, self.feature] > self.over) & (scores[:, 1] < 0.99)
        scores[rows] = np.c_[np.maximum(scores[rows, 0], 0.51), np.minimum(scores[rows, 1], 0.49)]
        return scores
