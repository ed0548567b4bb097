"""A FastAPI tutorial: embeddings of a list of texts."""

from typing import List

from fastapi import FastAPI
from pydantic import BaseModel
from sklearn.feature_extraction.text import HashingVectorizer

app = FastAPI(title="Embedding service")
vectorizer = HashingVectorizer(n_features=16)


class EmbedRequest(BaseModel):
    texts: List[str]


class EmbedResponse(BaseModel):
    embeddings: List[List[float]]
    dim: int


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/embed", response_model=EmbedResponse)
def embed(req: EmbedRequest):
    vectors = vectorizer.transform(req.texts).toarray()
    return EmbedResponse(embeddings=vectors.tolist(), dim=16)
