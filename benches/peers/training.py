#!/usr/bin/env python3
"""Trains the same task under the same attack with ByzFL's classes and with ours, and prints both times and the ratio.

    python -m venv venv && venv/bin/pip install -r benches/peers/requirements.txt
    cargo build --release
    venv/bin/python benches/peers/training.py --data DIR_WITH_MNIST

MNIST, logistic regression, n = 15 of which f = 3 lie, DSGD with batches of 32 and momentum 0.9, NNM and trimmed mean,
a-little-is-enough with its strength found by a line search of 20 evaluations. ByzFL's loop is that of its
`benchmark/train.py` without evaluation and files; ours is `equipoise run --in-process` that judges the last model only, and
the time is the one it reports: from the first round's opening to the end of the last. Reading data counts on neither side.
Theirs draws batches by a DataLoader over tensors in memory, and has sigmoid outputs; pixels are 0 to 1 on both sides.
"""

import argparse
import gzip
import json
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HONEST, LIARS, BATCH, RATE, MOMENTUM, EVALUATIONS = 12, 3, 32, 0.1, 0.9, 20


def idx(path):
    import numpy

    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(shape)


def theirs(folder, steps, threads):
    import torch
    from byzfl import ByzantineClient, Client, Server
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    file = lambda name: next(folder.glob(f"mnist/{name}*"))
    images = torch.tensor(idx(file("train-images-idx3-ubyte"))).float().unsqueeze(1) / 255
    labels = torch.tensor(idx(file("train-labels-idx1-ubyte"))).long()
    parts = torch.randperm(len(labels)).tensor_split(HONEST)
    loaders = [DataLoader(TensorDataset(images[p], labels[p]), batch_size=BATCH, shuffle=True) for p in parts]
    common = {
        "model_name": "logreg_mnist", "device": "cpu", "optimizer_name": "SGD", "learning_rate": RATE,
        "weight_decay": 0.0, "milestones": [], "learning_rate_decay": 1.0,
    }
    clients = [
        Client({
            **common, "loss_name": "CrossEntropyLoss", "LabelFlipping": False, "training_dataloader": loader,
            "momentum": MOMENTUM, "nb_labels": 10, "store_per_client_metrics": False,
        })
        for loader in loaders
    ]
    rule = {"name": "TrMean", "parameters": {"f": LIARS}}
    before = [{"name": "NNM", "parameters": {"f": LIARS}}]
    server = Server({
        **common, "validation_loader": None, "test_loader": loaders[0], "aggregator_info": rule,
        "pre_agg_list": before,
    })
    liar = ByzantineClient({
        "name": "Optimal_ALittleIsEnough", "f": LIARS,
        "parameters": {"aggregator_info": rule, "pre_agg_list": before, "f": LIARS, "evals": EVALUATIONS},
    })
    start = time.perf_counter()
    for _ in range(steps):
        state = server.get_dict_parameters()
        for client in clients:
            client.set_model_state(state)
            client.compute_gradients()
        rows = [client.get_flat_gradients_with_momentum() for client in clients]
        server.update_model_with_gradients(rows + liar.apply_attack(rows))
    return time.perf_counter() - start


def ours(folder, steps, search):
    scenario = f"""
seed = 1
[task]
data = "mnist"
objective = "shared"
algorithm = {{ name = "dsgd", batch = {BATCH}, momentum = {MOMENTUM} }}
[server]
rounds = {steps}
rule = "nnm+trimmed-mean"
byzantine = {LIARS}
scale = "mean"
schedule = {{ rate = {RATE} }}
[workers]
count = {HONEST}
[judge]
every = {steps}
[[attackers]]
count = {LIARS}
knowledge = "omniscient"
attack = {{ name = "optimal-alie", evaluations = {EVALUATIONS}, search = "{search}" }}
"""
    with tempfile.TemporaryDirectory() as out:
        path = Path(out) / "training.toml"
        path.write_text(scenario)
        command = [ROOT / "target/release/equipoise", "run", path, "--in-process", "--quiet", "--out", out]
        subprocess.run([*command, "--data-dir", folder], check=True, stdout=subprocess.DEVNULL)
        summary = json.loads((Path(out) / "summary.json").read_text())
    return summary["seconds"], summary["accuracy_true"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--search", default="byzfl", help="our line search: byzfl or bracketed")
    options = parser.parse_args()
    our, accuracy = ours(options.data, options.steps, options.search)
    their = theirs(options.data, options.steps, options.threads)
    print(f"{options.steps} steps: ByzFL {their:.2f} s, ours {our:.3f} s (accuracy {accuracy:.3f}), {their / our:.0f}x")


if __name__ == "__main__":
    main()
