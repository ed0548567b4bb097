"""A FastAPI tutorial: an image in base64 under a path prefix."""

import base64
import binascii
import io

import numpy as np
from fastapi import APIRouter, FastAPI, HTTPException
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel

app = FastAPI(title="Digit API", docs_url="/api/v1/docs", openapi_url="/api/v1/openapi.json")
router = APIRouter(prefix="/api/v1")


class ImageRequest(BaseModel):
    image: str


class ClassificationResponse(BaseModel):
    label: int
    probabilities: list[float]


@router.get("/health")
def health():
    return {"status": "ok"}


@router.post("/classify", response_model=ClassificationResponse)
def classify(request: ImageRequest):
    try:
        image = Image.open(io.BytesIO(base64.b64decode(request.image))).convert("L").resize((8, 8))
    except (binascii.Error, UnidentifiedImageError, OSError):
        raise HTTPException(status_code=422, detail="image is not a base64-encoded image")
    rows = np.asarray(image, dtype=float).reshape(2, 32).mean(axis=1) + 1
    probabilities = rows / rows.sum()
    return {"label": int(probabilities.argmax()), "probabilities": probabilities.tolist()}


app.include_router(router)
