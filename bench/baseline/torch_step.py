#!/usr/bin/env python3
"""PyTorch's training step on the models and the data of StepBenchmark, for comparison.

StepBenchmark runs it where python3 can import torch, numpy and onnx; nothing else needs Python. By hand:

    python3 bench/baseline/torch_step.py MODEL DATA_FOLDER RESULT.json --batch N --threads N [--warm-up N] [--steps N]

MODEL is gpt_nano.onnx or vlm.onnx: the networks below are what these files describe, written as somebody using PyTorch would
write them, with the weights of the file. DATA_FOLDER holds one .npy per model input and labels.npy, one row per sample.
With --verify LOSS the mean loss of the first --batch samples must agree to 2e-5, else the exit code is 1.
"""

import argparse
import json
import math
import resource
import sys
import time

import numpy
import onnx
import onnx.numpy_helper
import torch
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    def __init__(self, width, heads, bias, causal_length=None):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)
        if causal_length is None:
            self.mask = None
        else:
            mask = torch.full((causal_length, causal_length), -math.inf).triu(1)
            self.register_buffer("mask", mask, persistent=False)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        scores = q @ k.transpose(2, 3) * (1 / math.sqrt(width // self.heads))
        if self.mask is not None:
            scores = scores + self.mask
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width))


class GptBlock(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, bias=True, causal_length=length)
        self.ln2 = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 4 * width)
        self.proj = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.proj(functional.gelu(self.fc(self.ln2(x)), approximate="tanh"))


class GptNano(nn.Module):
    inputs = ("input_ids",)

    def __init__(self, width=128, heads=4, length=128, vocabulary=256, layers=4):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(GptBlock(width, heads, length) for _ in range(layers))
        self.lnf = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, input_ids):
        x = self.wte(input_ids) + self.wpe.weight
        for block in self.blocks:
            x = block(x)
        return self.head(self.lnf(x))


class RmsNorm(nn.Module):
    def __init__(self, width, epsilon=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class VisionBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, bias=True)
        self.ln2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.fc2(functional.gelu(self.fc1(self.ln2(x))))


class VisualEncoder(nn.Module):
    def __init__(self, width=64, heads=4, patches=16, layers=2):
        super().__init__()
        self.patch = nn.Conv2d(1, width, 7, 7)
        self.bn = nn.BatchNorm2d(width)
        self.dw = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.pos = nn.Parameter(torch.zeros(1, patches, width))
        self.blocks = nn.ModuleList(VisionBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, image):
        x = self.bn(self.patch(image))
        x = (x + self.dw(x)).flatten(2).transpose(1, 2) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class DecoderLayer(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.norm1 = RmsNorm(width)
        self.attn = Attention(width, heads, bias=False, causal_length=length)
        self.norm2 = RmsNorm(width)
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        y = self.norm2(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class LanguageModel(nn.Module):
    def __init__(self, width=96, heads=4, length=32, vocabulary=32, layers=2):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.pos = nn.Parameter(torch.zeros(1, length, width))
        self.layers = nn.ModuleList(DecoderLayer(width, heads, length) for _ in range(layers))
        self.norm = RmsNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, picture, input_ids):
        x = torch.cat([picture, self.embed_tokens(input_ids)], dim=1) + self.pos
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))[:, picture.shape[1]:]


class Vlm(nn.Module):
    inputs = ("image", "input_ids")

    def __init__(self):
        super().__init__()
        self.visual_encoder = VisualEncoder()
        self.projector = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 96))
        self.language_model = LanguageModel()

    def forward(self, image, input_ids):
        return self.language_model(self.projector(self.visual_encoder(image)), input_ids)


def load_weights(model, path):
    """Takes every weight from the initializers; a name or shape that is missing on either side is an error."""
    weights = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in onnx.load(path).graph.initializer}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"{path} is another network: missing {missing}, unexpected {unexpected}.")


def blas_in_use():
    """Which library does the matrix products; Debian's PyTorch takes whatever libblas.so.3 is."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        libraries = sorted({line.split()[-1] for line in maps if "/" in line and ("blas" in line or "mkl" in line)})
    return [library.rsplit("/", 1)[-1] for library in libraries]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("result")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--verify", type=float)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    model = GptNano() if "gpt_nano" in arguments.model else Vlm()
    load_weights(model, arguments.model)
    model.eval()  # as exported: BatchNorm keeps its statistics; there is no dropout
    data = [torch.from_numpy(numpy.load(f"{arguments.data}/{name}.npy")) for name in (*model.inputs, "labels")]
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}],
        lr=1e-4, betas=(0.9, 0.95), eps=1e-8, foreach=True)
    parameters = list(model.parameters())
    first_loss = None
    seconds = []
    for step in range(arguments.warm_up + arguments.steps):
        if step == arguments.warm_up:
            cpu_begin = time.process_time()
        begin = time.perf_counter()
        start = step * arguments.batch % len(data[-1])
        *inputs, labels = (field[start:start + arguments.batch] for field in data)
        logits = model(*inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        value = loss.item()
        seconds.append(time.perf_counter() - begin)
        first_loss = value if first_loss is None else first_loss

    result = {
        "cpu_seconds_per_step": (time.process_time() - cpu_begin) / arguments.steps,
        "seconds": seconds[arguments.warm_up:],
        "first_loss": first_loss,
        "last_loss": value,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "version": torch.__version__,
        "blas": blas_in_use(),
    }
    with open(arguments.result, "w", encoding="utf-8") as file:
        json.dump(result, file)
    if arguments.verify is not None and not math.isclose(first_loss, arguments.verify, rel_tol=2e-5):
        sys.exit(f"The first loss is {first_loss}, not {arguments.verify}: the network or the data differ.")


if __name__ == "__main__":
    main()
