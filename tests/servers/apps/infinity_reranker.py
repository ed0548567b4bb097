"""Write a reranker into `FOLDER`: the sentence encoder with a scoring head drawn from a seed.

`python infinity_reranker.py MODEL FOLDER`; its scores mean nothing, and are always the same.
"""

from __future__ import annotations

import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

torch.manual_seed(0)
model, folder = sys.argv[1:]
AutoModelForSequenceClassification.from_pretrained(model, num_labels=1).save_pretrained(folder)
AutoTokenizer.from_pretrained(model).save_pretrained(folder)
