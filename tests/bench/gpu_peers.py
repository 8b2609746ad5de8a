#!/usr/bin/env python3
"""gpu_peers.py - the work of tests/gpu.sh by PyTorch and transformers, on the same GPU.

    gpu_peers.py generate|update

generate: transformers' generate(); 32 prompts of 512 tokens, 8 samples each, 512 new tokens.
update:   packed sequences of 4096 tokens, 8 of them: log-probabilities in f32, fused attention,
          bf16 weights with f32 masters, fused AdamW.
A Qwen2.5-1.5B shape with random weights in bf16; the best of the rounds counts."""
import sys
import time

import torch
import transformers

GROUPS, SAMPLES, PROMPT, NEW = 32, 8, 512, 512
SEQUENCES, LENGTH = 8, 4096
VOCABULARY = 151936

config = transformers.Qwen2Config(
    vocab_size=VOCABULARY, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28,
    num_attention_heads=12, num_key_value_heads=2, max_position_embeddings=32768,
    rope_theta=1e6, tie_word_embeddings=True, attn_implementation="sdpa")


def seconds(work):
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def generate(model, rounds=1):
    model.eval()
    prompts = torch.randint(0, VOCABULARY, (GROUPS, PROMPT), device="cuda")
    ids = prompts.repeat_interleave(SAMPLES, 0)
    mask = torch.ones_like(ids)

    def work(n):
        model.generate(ids, attention_mask=mask, do_sample=True, top_k=0, top_p=1.0, temperature=1.0,
                       min_new_tokens=n, max_new_tokens=n, pad_token_id=0)
    work(8)
    best = min(seconds(lambda: work(NEW)) for _ in range(rounds))
    print(f"transformers {transformers.__version__} generate: {GROUPS * SAMPLES * NEW / best:.0f} tok/s")


def update(model, rounds=3):
    model.train()
    masters = [p.detach().float() for p in model.parameters()]
    optimizer = torch.optim.AdamW(masters, lr=1e-6, betas=(0.9, 0.999), weight_decay=0.01, fused=True)
    ids = torch.randint(0, VOCABULARY, (SEQUENCES, 1, LENGTH), device="cuda")

    def work():
        for row in ids:
            logits = model(row, use_cache=False).logits[0, :-1].float()
            logp = -torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="none")
            (-1e-3 * logp.sum()).backward()
        for master, p in zip(masters, model.parameters()):
            master.grad = p.grad.float()
            p.grad = None
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(list(model.parameters()), masters)
    work()
    best = min(seconds(work) for _ in range(rounds))
    print(f"torch {torch.__version__} update: {SEQUENCES * LENGTH / best:.0f} tok/s")


with torch.device("cuda"):
    qwen = transformers.Qwen2ForCausalLM(config).to(torch.bfloat16)
{"generate": generate, "update": update}[sys.argv[1]](qwen)
