"""A FastAPI tutorial: an OpenAI-compatible chat, streamed or not."""

import asyncio
import json
import time
from typing import List, Optional

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import StreamingResponse

app = FastAPI(title="OpenAI-compatible API")


class ChatMessage(BaseModel):
    role: str
    content: str


class ChatCompletionRequest(BaseModel):
    model: str = "mock-gpt-model"
    messages: List[ChatMessage]
    max_tokens: Optional[int] = 512
    temperature: Optional[float] = 0.1
    stream: Optional[bool] = False


async def _resp_async_generator(text_resp: str, request: ChatCompletionRequest):
    tokens = text_resp.split(" ")
    for i, token in enumerate(tokens):
        chunk = {
            "id": f"chatcmpl-{i}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": request.model,
            "choices": [{"index": 0, "delta": {"content": token + " "}}],
        }
        yield f"data: {json.dumps(chunk)}\n\n"
        await asyncio.sleep(0.005)
    ending = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    yield f"data: {json.dumps(ending)}\n\n"
    yield "data: [DONE]\n\n"


@app.post("/chat/completions")
@app.post("/v1/chat/completions")
async def chat_completions(request: ChatCompletionRequest):
    if request.messages:
        resp_content = "As a mock AI Assistant, I can only echo your last message: " + request.messages[-1].content
    else:
        resp_content = "As a mock AI Assistant, I can only echo your last message, but there wasn't one!"
    if request.stream:
        return StreamingResponse(_resp_async_generator(resp_content, request), media_type="text/event-stream")
    return {
        "id": "1337",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [
            {"index": 0, "message": ChatMessage(role="assistant", content=resp_content), "finish_reason": "stop"}
        ],
    }
