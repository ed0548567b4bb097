"""A FastAPI tutorial: an image is uploaded as a file, and the answer is its class."""

import io

import numpy as np
from fastapi import FastAPI, File, HTTPException, UploadFile
from PIL import Image, UnidentifiedImageError

app = FastAPI(title="Image classifier")
LABELS = ["dark", "medium", "bright"]


@app.get("/ping")
async def ping():
    return "pong"


@app.post("/predict")
async def predict(file: UploadFile = File(...)):
    try:
        image = Image.open(io.BytesIO(await file.read())).convert("L")
    except (UnidentifiedImageError, OSError):
        raise HTTPException(status_code=400, detail="File provided is not an image.")
    brightness = float(np.asarray(image).mean()) / 255
    index = min(2, int(brightness * 3))
    return {"filename": file.filename, "class": LABELS[index], "confidence": 0.5 + abs(brightness - 0.5)}
