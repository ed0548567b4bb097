"""A FastAPI tutorial: a text is generated and streamed in plain chunks."""

import asyncio

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()
WORDS = "the model answers slowly word by word so that the reader sees the text while it grows".split()


class GenerateRequest(BaseModel):
    prompt: str
    max_tokens: int = 20


async def generate_text(prompt: str, max_tokens: int):
    start = sum(prompt.encode())
    for i in range(max_tokens):
        yield WORDS[(start + i) % len(WORDS)] + " "
        await asyncio.sleep(0.005)


@app.post("/generate")
async def generate(request: GenerateRequest):
    return StreamingResponse(generate_text(request.prompt, request.max_tokens), media_type="text/plain")
