"""What does a policy cost? Everything side by side on this machine, in one run.

    python benchmarks/cost.py
    python benchmarks/cost.py --quick                  # a first look: tiny sizes, one repeat
    python benchmarks/cost.py --parts jacobian memory  # replaces these tables, keeps the others
    python benchmarks/cost.py --reference CHECKOUT     # GenPO's released code beside

Writes docs/COST.md (its blocks between ``<!-- cost cpu -->``, ``<!-- cost cuda -->`` and
``<!-- end -->``; what stands outside them is kept), docs/results/cost.png and the figures behind
it, docs/results/cost.json. A quick look goes to runs/bench/cost/docs instead.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

# before torch reads them; the second silences its profiler
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import torch
from costs import density, exported, latency, memory, policies, report, scaling, training
from costs.plan import Plan
from costs.progress import Progress
from learning import ROOT

PARTS = {
    "jacobian": density,
    "policies": policies,
    "memory": memory,
    "latency": latency,
    "training": training,
    "scaling": scaling,
    "export": exported,
}

#: what a document says in place of a folder
STAND_INS = {"--reference": "CHECKOUT", "--docs": "FOLDER"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="what is there, if not given")
    parser.add_argument("--reference", type=Path, help="a checkout of GenPO's released code")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one repeat")
    parser.add_argument("--rounds", type=int, help="of every part; each has its own number")
    parser.add_argument("--docs", type=Path, help="where COST.md stands; docs if not given")
    args = parser.parse_args(arguments)
    device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no CUDA device; use --device cpu.")
    if args.rounds is not None and args.rounds < 1:
        parser.error(f"--rounds: must be at least 1, got {args.rounds}.")
    docs = args.docs or (ROOT / "runs" / "bench" / "cost" / "docs" if args.quick else ROOT / "docs")
    torch.set_num_threads(1)
    names = [name for name in PARTS if name in args.parts]
    words = sys.argv[1:] if arguments is None else arguments
    command = " ".join(["python benchmarks/cost.py", *hidden_paths(words)])
    text = ""
    with tempfile.TemporaryDirectory() as folder:
        progress = Progress(sys.stderr, len(names))
        plan = Plan(device, Path(folder), progress, args.quick, args.rounds, args.reference)
        for name in names:
            progress.part(name, PARTS[name].measurements(plan))
            measured = {name: PARTS[name].measure(plan)}
            # part by part: what is measured stands there if the next one is interrupted
            text = report.write(PARTS, measured, plan, command=command, docs=docs)
        progress.close()
    print(text)
    return 0


def hidden_paths(words: list[str]) -> list[str]:
    """The command without this machine's folders."""
    shown: list[str] = []
    for word in words:
        option, _, given = word.partition("=")
        if shown and shown[-1] in STAND_INS:
            shown.append(STAND_INS[shown[-1]])
        elif given and option in STAND_INS:
            shown.append(f"{option}={STAND_INS[option]}")
        else:
            shown.append(word)
    return shown


if __name__ == "__main__":
    sys.exit(main())
