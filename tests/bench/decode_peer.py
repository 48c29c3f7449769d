"""fp32 inference of transformers at the shape of olmo2-17m, two threads: JSON, batch -> tokens/s.

As decode_bench: prefill of 256 tokens a sequence, then 63 steps with the cache, each drawn at
temperature 1 with its log-probability. The best of five runs.
"""
import json
import time

import torch
import transformers

PROMPT, NEW = 256, 64

torch.set_num_threads(2)
torch.manual_seed(1)
config = transformers.Olmo2Config(hidden_size=384, num_hidden_layers=6, num_attention_heads=6,
                                  intermediate_size=1024, vocab_size=8192,
                                  max_position_embeddings=512)
model = transformers.Olmo2ForCausalLM(config).eval()


def draw(logits):
    log_probabilities = torch.log_softmax(logits[:, -1], dim=-1)
    token = torch.multinomial(log_probabilities.exp(), 1)
    return token, log_probabilities.gather(1, token)


def rates(batch):
    prompt = torch.randint(0, 8192, (batch, PROMPT))
    start = time.perf_counter()
    out = model(prompt, use_cache=True, logits_to_keep=1)
    token, _ = draw(out.logits)
    prefill = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(NEW - 1):
        out = model(token, past_key_values=out.past_key_values, use_cache=True)
        token, _ = draw(out.logits)
    decode = time.perf_counter() - start
    return batch * PROMPT / prefill, batch * (NEW - 1) / decode


result = {}
with torch.inference_mode():
    for size in (1, 8):
        runs = [rates(size) for _ in range(5)]
        result[size] = {"prefill_tokens_per_second": round(max(p for p, _ in runs), 1),
                        "decode_tokens_per_second": round(max(d for _, d in runs), 1)}
print(json.dumps(result))
