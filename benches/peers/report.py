"""The report: what was measured, as Markdown, from the raw data alone."""

import math

from hold import FILTER, GATE, lines

TITLES = {
    "same_job": "The same job: answers of 2 KB, kept connections",
    "forward": "Against programs that only forward",
    "tokens": "More and more tokens",
    "principals": "A million principals, each with a token",
    "reload": "Reload of 1,000,000 tokens under load",
    "tls": "TLS, kept connections",
    "handshakes": "TLS, a full handshake for each request",
    "http2": "HTTP/2",
    "bodies": "Large answers",
    "workers": "Two workers",
    "features": "What features cost",
}
MEASURES = ["CPU µs a request", "requests/s", "p99 µs", "memory MB", "cores used", "errors"]


def render(data: dict) -> str:
    """The whole report."""
    parts = ["# Comparison with peers", _about(data), "## What must hold", _hold(data["tables"])]
    for name, found in data["tables"].items():
        parts += [f"## {TITLES[name]}", _section(name, found)]
    parts += ["## Whether all do the same job", _same_job(data["same job"]), "## How to read it", HOW_TO_READ]
    return "\n\n".join(part for part in parts if part) + "\n"


HOW_TO_READ = """\
* CPU µs a request is user and system time of all processes of the proxy, over the requests answered; its inverse is what a
  core can do at most. Everything that is held against a bound is held by it where not said otherwise. Absolute figures belong to
  this machine; ratios of one run travel.
* The gate has on whatever is on by default: the access log, to a file; metrics; timeouts; limits. Its rate limits are set so high
  that they never deny. The peers write no access log.
* Columns and ranges of 1,000 affiliates are the same for all; the gate has a file for each 1,000 tokens. nginx does a smaller job:
  plain tokens and no expiry. pingora and a proxy of bare tokio are not installed: not measured here.
* Memory is PSS, in MB of 1,000,000 bytes. Peers take turns, and what stands here are medians."""


def _about(data: dict) -> str:
    facts = [f"{name}: {value}" for name, value in data["machine"].items()]
    pace = data["pace"]
    facts.append(f"{pace['rounds']} rounds of {pace['seconds']:g} s; {data['pinned']}")
    return "\n".join(f"* {fact}" for fact in facts)


def _grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _hold(tables: dict) -> str:
    found = [line.cells() for line in lines(tables)]
    return _grid(["what", "measured", "hold", "held", "reach for", "reached"], found) if found else ""


def _section(name: str, found: dict) -> str:
    special = {
        "tokens": _tokens,
        "principals": _principals,
        "reload": _reload,
        "bodies": _bodies,
        "workers": _workers,
        "features": _features,
    }
    return special[name](found) if name in special else _rows(found["rows"])


def _number(value: float, digits: int = 0) -> str:
    return "" if math.isnan(value) else f"{value:,.{digits}f}"


def _rows(rows: dict, bases: tuple[str, ...] = ("HAProxy", "HAProxy, forward only")) -> str:
    """One peer a line; with how many of its requests fit in a core's second against the first base that is there."""
    base = next((name for name in bases if name in rows), None)
    cells = []
    for name, row in rows.items():
        against = [f"{rows[base]['cpu_us'] / row['cpu_us']:.2f}"] if base else []
        figures = [_number(row["cpu_us"], 1), _number(row["rate"]), _number(row["p99_us"]), _number(row["memory_mb"])]
        cells.append([name, *against, *figures, _number(row["busy"], 2), _number(row["errors"])])
    return _grid(["", *([f"requests a core × {base}"] if base else []), *MEASURES], cells)


def _tokens(found: dict) -> str:
    counts = list(found)
    names = list(found[counts[0]]["rows"])
    cells = [
        [name]
        + [_number(found[count]["rows"][name]["cpu_us"], 1) for count in counts]
        + [_number(found[count]["rows"][name]["memory_mb"]) for count in counts]
        + [_number(found[counts[-1]]["ready_after"][name], 1)]
        for name in names
    ]
    grouped = [f"{int(count):,}" for count in counts]
    head = ["", *(f"CPU µs, {count}" for count in grouped), *(f"MB, {count}" for count in grouped), "start s, most"]
    return _grid(head, cells) + "\n\n![CPU time against the number of tokens](tokens.svg)"


def _principals(found: dict) -> str:
    row = found["rows"][GATE]
    return (
        f"The gate alone, 1,000 included files of 1,000 principals: {row['memory_mb']:,.0f} MB,"
        f" {row['cpu_us']:.1f} CPU µs a request, listens after {found['ready_after'][GATE]:.1f} s."
    )


def _reload(found: dict) -> str:
    head = ["", "seconds", "requests/s calm", "in the 14 s around it", "p99 µs calm", "p99 µs", "errors"]
    head += ["MB before", "MB peak", "MB after"]
    cells = [
        [
            name,
            _number(one["seconds"], 2),
            _number(one["calm_rate"]),
            f"{_number(one['rate'])} ({one['rate'] / one['calm_rate']:.0%})",
            _number(one["p99_calm_us"]),
            _number(one["p99_us"]),
            _number(one["errors"]),
            _number(one["memory_before_mb"]),
            _number(one["memory_peak_mb"]),
            _number(one["memory_after_mb"]),
        ]
        for name, one in found.items()
    ]
    told = "From the signal to the first request that a new token may send; where that is more than 13 s, the rest went without load."
    return f"{told}\n\n{_grid(head, cells)}"


def _bodies(found: dict) -> str:
    cells = []
    for size in ("100 KB", "10 MB"):
        rows = found[size]["rows"]
        for name, row in rows.items():
            per_core = row["mb_per_second"] / row["busy"] if row["busy"] else math.nan
            cells.append([f"{size}, {name}", _number(row["mb_per_second"]), _number(per_core), _number(row["memory_mb"])])
    grid = _grid(["", "MB/s", "MB a second of CPU", "memory MB"], cells)
    one = found["1 GB"]
    complete = "" if one["complete"] else " (it broke off)"
    before, peak = one["memory_before_mb"], one["memory_peak_mb"]
    return f"{grid}\n\nAn answer of 1 GB{complete}: {before:.0f} MB before, {peak:.0f} MB at most."


def _workers(found: dict) -> str:
    rows = {f"{count} of the gate's workers": found[count]["rows"][GATE] for count in ("1", "2")}
    alone = found["cores for the load alone"]
    where = "" if alone else "Too few cores for the load alone: proxy, load and backend share all of them.\n\n"
    return where + _rows(rows)


def _features(found: dict) -> str:
    rows = dict(found["rows"])
    everything = rows.pop(FILTER)
    cells = [["(everything on)", _number(everything["cpu_us"], 1), ""]]
    for name, row in rows.items():
        cost = everything["cpu_us"] - row["cpu_us"]
        cells.append([name, _number(row["cpu_us"], 1), f"{cost:+.1f}"])
    grid = _grid(["without", "CPU µs a request", "so it costs"], cells)
    return (
        f"{grid}\n\nThe access log cannot be off: without it means that its lines go to /dev/null. Counting for metrics, timeouts and"
        " the limits of connections and heads cannot be off either."
    )


def _same_job(notes: list[str]) -> str:
    checked = (
        "Path, parameters and forwarded headers that the backend sees are the same of all for the same requests; tokens that are"
        " missing, unknown or expired get 401, wrong addresses and missing permissions 403. But for this:"
    )
    return checked + "\n\n" + "\n".join(f"* {note}" for note in notes)
