"""A FastAPI tutorial: tokens as server-sent events, `data: {"token": ...}`, ended by `[DONE]`."""

import asyncio
import json

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI(title="LLM streaming")


class Prompt(BaseModel):
    text: str
    temperature: float = 0.7


async def stream_tokens(text: str):
    for word in f"You asked about {text} and here is my answer in several words .".split(" "):
        yield f"data: {json.dumps({'token': word + ' '})}\n\n"
        await asyncio.sleep(0.005)
    yield "data: [DONE]\n\n"


@app.get("/health")
def health():
    return {"status": "ok"}


@app.post("/chat/stream")
async def chat(prompt: Prompt):
    return StreamingResponse(stream_tokens(prompt.text), media_type="text/event-stream")
