"""The comparison: checks that all do the same job, measures every table, writes the report.

Started by `run`, which fetches and builds what it needs.
"""

import argparse
import json
import signal
import sys
from dataclasses import asdict

import tables
from machine import HERE, Failed, Process, allow_many_files, description, start_backend
from measure import Pace
from peers import GATE_JSON, GATE_OPAQUE, HAPROXY, NGINX, NGINX_LUA, Settings
from plot import draw
from report import render
from same_job import check
from sets import token_set


def arguments() -> argparse.Namespace:
    """What the caller wants."""
    parser = argparse.ArgumentParser(prog="benches/peers/run", description="Compares the gate with HAProxy and nginx.")
    parser.add_argument("--quick", action="store_true", help="the first table only, in short rounds; writes no report")
    parser.add_argument("--only", metavar="TABLE", choices=tables.TABLES, action="append", help="this table; may be repeated")
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer has its turn (5)")
    parser.add_argument("--seconds", type=float, default=4, help="how long a turn is (4)")
    parser.add_argument("--check", action="store_true", help="only whether all do the same job")
    return parser.parse_args()


def main() -> None:
    """Runs it; whatever it started has ended when it returns."""
    wanted = arguments()
    # Then `finally` is run for it, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    allow_many_files()
    try:
        compare(wanted)
    except Failed as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        Process.stop_all()


def compare(wanted: argparse.Namespace) -> None:
    """The comparison itself."""
    pace = Pace(2, 1) if wanted.quick else Pace(wanted.rounds, wanted.seconds)
    data = {"machine": description(), "pinned": tables.PINNED, "pace": asdict(pace)}
    say("do all do the same job?")
    whole_job = [GATE_OPAQUE, GATE_JSON, HAPROXY, NGINX, NGINX_LUA]
    data["same job"] = check(whole_job, Settings(token_set(100), backend_port=0))
    if wanted.check:
        print("\n".join(data["same job"]))
        return
    names = tables.QUICK if wanted.quick else wanted.only or list(tables.TABLES)
    bench = tables.Bench(start_backend(), pace)
    data["tables"] = {}
    for name in names:
        say(name)
        data["tables"][name] = tables.TABLES[name](bench)
    print(render(data))
    if names == list(tables.TABLES):
        write(data)
    else:
        say("not every table was measured: no report is written")


def write(data: dict) -> None:
    """The report, the raw data and the plot."""
    (HERE / "report.json").write_text(json.dumps(data, indent=1) + "\n")
    (HERE / "report.md").write_text(render(data))
    (HERE / "tokens.svg").write_text(draw(data["tables"]["tokens"]))
    say(f"written: {HERE / 'report.md'}")


def say(what: str) -> None:
    """Tells how far it is."""
    print(f"# {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
