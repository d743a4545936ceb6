#!/usr/bin/env python3
"""Times ByzFL's aggregation rules and ours on the same rows, taking turns, and prints the ratio per rule.

    python -m venv venv && venv/bin/pip install -r benches/peers/requirements.txt
    cargo build --release
    venv/bin/python benches/peers/compare.py --n 25 --byzantine 5 --d 1000000

Both sides get the same f32 rows and the same number of threads. ByzFL is given a torch tensor, its faster kind of
input, and then a list of rows, as its own training loop does, which it puts together first. Ours is `equipoise bench aggregation`, which reads the rows from a file and times the rule inside the process, as
is done here for ByzFL. Rules that are not the same function are marked; see docs/aggregation.md for the differences.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Ours, ByzFL's, and what is different where they are not the same function.
RULES = [
    ("average", lambda b, f: b.Average(), ""),
    ("median", lambda b, f: b.Median(), ""),
    ("trimmed-mean", lambda b, f: b.TrMean(f=f), ""),
    ("meamed", lambda b, f: b.Meamed(f=f), ""),
    ("krum(variant=byzfl)", lambda b, f: b.Krum(f=f), ""),
    ("multi-krum(variant=byzfl)", lambda b, f: b.MultiKrum(f=f), ""),
    ("geometric-median", lambda b, f: b.GeometricMedian(), "ours converges, theirs takes 3 steps"),
    ("geometric-median(variant=byzfl)", lambda b, f: b.GeometricMedian(), ""),
    ("monna", lambda b, f: b.MoNNA(f=f, idx=0), ""),
    ("centered-clipping(tau=100)", lambda b, f: b.CenteredClipping(), ""),
    ("caf", lambda b, f: b.CAF(f=f), "ours converges, theirs takes one power step"),
    ("mda", lambda b, f: b.MDA(f=f), ""),
    ("smea", lambda b, f: b.SMEA(f=f), "ours converges, theirs takes one power step"),
    ("nnm+average", lambda b, f: chain(b.NNM(f=f), b.Average()), ""),
    ("nnm+trimmed-mean", lambda b, f: chain(b.NNM(f=f), b.TrMean(f=f)), ""),
    ("nnm+median", lambda b, f: chain(b.NNM(f=f), b.Median()), ""),
    ("nnm+meamed", lambda b, f: chain(b.NNM(f=f), b.Meamed(f=f)), ""),
    ("nnm+multi-krum(variant=byzfl)", lambda b, f: chain(b.NNM(f=f), b.MultiKrum(f=f)), ""),
    ("nnm+geometric-median(variant=byzfl)", lambda b, f: chain(b.NNM(f=f), b.GeometricMedian()), ""),
    ("bucketing(s=2)+median", lambda b, f: chain(b.Bucketing(s=2), b.Median()), "other lots"),
    ("arc+trimmed-mean", lambda b, f: chain(b.ARC(f=f), b.TrMean(f=f)), ""),
]

# ByzFL goes through all subsets of n - f rows in Python: minutes, or hours, at n = 25.
SUBSETS_MAX = {"mda": 10_000, "smea": 100}


# Times that a rule is run in a turn.
REPETITIONS = 9


def chain(before, rule):
    # Some of ByzFL's pre-aggregators overwrite their input.
    return lambda rows: rule(before(rows if isinstance(rows, list) else rows.clone()))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=25)
    parser.add_argument("--byzantine", type=int, default=5)
    parser.add_argument("--d", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3, help="turns of each side; the medians are compared")
    parser.add_argument("--rules", nargs="+", help="only these, by our names")
    parser.add_argument("--equipoise", type=Path, default=ROOT / "target/release/equipoise")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return parser.parse_args()


def theirs(build, rows):
    """As ours: once that does not count, then nine times, or fewer where a second is over; afresh each time."""
    build()(rows)
    milliseconds, begin = [], time.perf_counter()
    while len(milliseconds) < REPETITIONS and time.perf_counter() < begin + 1:
        rule = build()
        start = time.perf_counter()
        out = rule(rows)
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return statistics.median(milliseconds), out


def ours(options, rule, path):
    command = [options.equipoise, "bench", "aggregation", "--input", path, "--byzantine", str(options.byzantine)]
    command += ["--threads", str(options.threads), "--repetitions", str(REPETITIONS), "--json", "--rules", rule]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    timed = measured["rules"][0]
    if "refused" in timed:
        sys.exit(f"{rule}: {timed['refused']}")
    return timed["median_ms"]


def aggregate(options, rule, path):
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.npy"
        command = [options.equipoise, "aggregate", rule, "--byzantine", str(options.byzantine), path, "--out", out]
        subprocess.run(command, check=True)
        return numpy.load(out)


def main():
    options = arguments()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import byzfl
    import numpy
    import torch

    torch.set_num_threads(options.threads)
    n, f, d = options.n, options.byzantine, options.d
    random = numpy.random.default_rng(1)
    rows = random.standard_normal((n, d), dtype=numpy.float32)
    rows[n - f :] -= 2
    tensor = torch.from_numpy(rows)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        numpy.save(path, rows)
        for name, build, difference in RULES:
            if options.rules and name not in options.rules:
                continue
            if math.comb(n, f) > SUBSETS_MAX.get(name, sys.maxsize):
                continue
            mine, peer, listed, out = [], [], [], None
            for _ in range(options.repetitions):
                milliseconds, out = theirs(lambda: build(byzfl, f), tensor)
                peer.append(milliseconds)
                listed.append(theirs(lambda: build(byzfl, f), list(tensor))[0])
                mine.append(ours(options, name, path))
            gap = None
            if not difference:
                gap = float(numpy.abs(aggregate(options, name, path) - out.numpy()).max())
            lines.append(
                {
                    "rule": name,
                    "byzfl_ms": statistics.median(peer),
                    "byzfl_list_ms": statistics.median(listed),
                    "equipoise_ms": statistics.median(mine),
                    "ratio": statistics.median(peer) / statistics.median(mine),
                    "list_ratio": statistics.median(listed) / statistics.median(mine),
                    "largest_difference": gap,
                    "note": difference,
                }
            )
            print(f"{name}: {lines[-1]['ratio']:.1f}", file=sys.stderr)
    versions = {"byzfl": version("byzfl"), "torch": torch.__version__, "numpy": numpy.__version__}
    if options.json:
        machine = {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count()}
        print(json.dumps({"n": n, "f": f, "d": d, "threads": options.threads, **versions, **machine, "rules": lines}))
        return
    print(f"n = {n}, f = {f}, d = {d}, {options.threads} threads, ByzFL {versions['byzfl']} on torch {torch.__version__}\n")
    print("| rule | ByzFL, ms | from a list, ms | Equipoise, ms | ratio | from a list | largest difference | |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    for line in lines:
        gap = "" if line["largest_difference"] is None else f"{line['largest_difference']:.0e}"
        times = f"{line['byzfl_ms']:.0f} | {line['byzfl_list_ms']:.0f} | {line['equipoise_ms']:.1f}"
        numbers = f"{times} | {line['ratio']:.1f} | {line['list_ratio']:.1f} | {gap}"
        print(f"| {line['rule']} | {numbers} | {line['note']} |")


if __name__ == "__main__":
    main()
