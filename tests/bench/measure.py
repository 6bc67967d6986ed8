"""Starts the database and the replicas, lets each section measure, prints the table.

A section is a module of this folder with `measure(bench)`, which gives (title, lines) one after the other, and
maybe `options(parser)` for options of its own.
"""

import argparse
import importlib
import shutil
import time
from pathlib import Path

from bench import ROOT, Bench, Pool
from rounds import print_table

# In this order: the last ones leave a database behind that others should not be measured with.
SECTIONS = ("connectability", "unknown_cost", "contact_growth", "presence", "events", "one_at_a_time", "polls",
            "growth")


def chosen(text):
    names = text.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    return [name for name in SECTIONS if name in names]


def parsed(modules):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement in a round")
    parser.add_argument("--only", type=chosen, default=list(SECTIONS), metavar="NAME[,NAME]", help=", ".join(SECTIONS))
    parser.add_argument("--program", default=ROOT / "build/release/server/whitebrick")
    parser.add_argument("--folder", default=ROOT / "run/bench", help="of the database; emptied")
    parser.add_argument("--keep", action="store_true", help="leave the database and the replica running")
    for module in modules.values():
        if hasattr(module, "options"):
            module.options(parser)
    return parser.parse_args()


def clear(args):
    """Stops and forgets what a run left that was killed, or told to keep it."""
    for state in Path(args.folder).rglob("pool.json"):
        Pool(state.parent, args.program).stop()
    shutil.rmtree(args.folder, ignore_errors=True)


def main():
    modules = {name: importlib.import_module(name) for name in SECTIONS}
    args = parsed(modules)
    started = time.monotonic()
    clear(args)
    bench = Bench(args)
    try:
        bench.start()
        print(f"10,000 people seeded, replica ready ({time.monotonic() - started:.0f} s)", flush=True)
        for name in args.only:
            begun = time.monotonic()
            print_table(modules[name].measure(bench))
            print(f"  ({name}: {time.monotonic() - begun:.0f} s)", flush=True)
        print(f"\n{args.rounds} rounds of {args.seconds} s each, medians; {time.monotonic() - started:.0f} s in all")
        if args.keep:
            print(f"left running: {bench.replica.url}, database socket {bench.pool.database_socket}")
    finally:
        bench.stop_peers()
        if not args.keep:
            bench.pool.stop()


if __name__ == "__main__":
    main()
