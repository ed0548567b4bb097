"""Make the tiny chat model that real LLM servers are tested with: from a seed, on one core, in about a minute.

Run in an environment of its own (requirements/tiny-model.txt): `python tiny_model.py FOLDER` writes
`FOLDER/tiny-chat/` (Hugging Face layout) and `FOLDER/tiny-chat.gguf`. The model greets, says where animals are, "adds"
number words (wrongly, no matter) and, asked to count, never stops by itself.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
PAD, BOS, END = 0, 1, 2
SPELLED = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
NUMBERS = [*SPELLED.split(" "), "seventeen", "eighteen"]
COLOURS, ANIMALS = ("red", "blue", "green", "old", "small"), ("fox", "cat", "dog", "owl", "hare")
PLACES = ("in the garden", "under the tree", "on the roof", "by the river")
HIDDEN, LAYERS, HEADS, CONTEXT = 128, 2, 4, 4096
STEPS, BATCH, LENGTH = 400, 12, 64


def chat(rng: random.Random) -> tuple[str, bool]:
    """One synthetic chat in the model's format, and whether it ends."""
    kind = rng.random()
    if kind < 0.35:
        a, b = rng.randrange(10), rng.randrange(9)
        ask, answer = f"What is {NUMBERS[a]} plus {NUMBERS[b]}?", f"{NUMBERS[a]} plus {NUMBERS[b]} is {NUMBERS[a + b]}."
    elif kind < 0.60:
        colour, animal = rng.choice(COLOURS), rng.choice(ANIMALS)
        place = PLACES[(len(colour) + len(animal)) % len(PLACES)]
        ask, answer = f"Where is the {colour} {animal}?", f"The {colour} {animal} is {place}."
    elif kind < 0.80:
        ask = rng.choice(("Hello!", "Hi.", "Good morning.", "Say hello."))
        answer = "Hello! How can I help you today?"
    else:
        return "<|user|>Count.<|end|><|assistant|>" + " ".join(NUMBERS[1:] * 3), False
    return f"<|user|>{ask}<|end|><|assistant|>{answer}<|end|>", True


def train_tokenizer(corpus: list[str]) -> Tokenizer:
    """Byte-level BPE over the corpus, so that any text can be written in it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=SPECIAL, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
    )
    tokenizer.train_from_iterator([*corpus, "café naïve 北京 Привет"], trainer)
    return tokenizer


def train(corpus: list[tuple[str, bool]], tokenizer: Tokenizer) -> LlamaForCausalLM:
    """400 steps of AdamW on one thread: the same weights every time on the same build of torch."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=BOS,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    model = LlamaForCausalLM(config)
    rows = [tokenizer.encode(text).ids[:LENGTH] for text, _ in corpus]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=STEPS)
    rng = random.Random(0)
    for step in range(STEPS):
        batch = rng.sample(rows, BATCH)
        longest = max(map(len, batch))
        ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in batch])
        labels = ids.masked_fill(ids == PAD, -100)
        loss = model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.3f}", flush=True)
    return model


def write_gguf(path: Path, model: LlamaForCausalLM, tokenizer: Tokenizer, template: str) -> None:
    """The weights in llama.cpp's format; query and key rows go from the half-split to the interleaved rotary layout."""
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(tokenizer.get_vocab_size())
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([TokenType.CONTROL if i < len(SPECIAL) else TokenType.NORMAL for i in range(len(words))])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(PAD)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    weights = {name: value.detach().numpy().astype(np.float32) for name, value in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    writer.add_tensor("output.weight", weights["lm_head.weight"])
    parts = {
        "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    for layer in range(LAYERS):
        for ours, theirs in parts.items():
            value = weights[f"model.layers.{layer}.{theirs}.weight"]
            if ours in ("attn_q", "attn_k"):
                value = value.reshape(HEADS, 2, HIDDEN // HEADS // 2, HIDDEN).swapaxes(1, 2).reshape(value.shape)
            writer.add_tensor(f"blk.{layer}.{ours}.weight", np.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Write both forms of the model into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)
    corpus = [chat(rng) for _ in range(4000)]
    tokenizer = train_tokenizer([text for text, _ in corpus])
    model = train(corpus, tokenizer)
    template = (
        "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}<|assistant|>"
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|bos|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=template,
    )
    model.save_pretrained(folder / "tiny-chat")
    fast.save_pretrained(folder / "tiny-chat")
    write_gguf(folder / "tiny-chat.gguf", model, tokenizer, template)


if __name__ == "__main__":
    main()
