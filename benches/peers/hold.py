"""What must hold, and what to reach for: each a figure of the raw data against a bound.

Speed is compared by the CPU time of a request: what one core can do at most is its inverse, and unlike the rate that was
seen it does not depend on how fast load and backend are.
"""

import math
from dataclasses import dataclass

GATE, FILTER = "reportgate", "reportgate, filter"


@dataclass(frozen=True)
class Line:
    """One figure, what must hold of it, and whether it does."""

    what: str
    measured: float
    unit: str
    at_least: bool
    hold: float
    reach: float | None = None

    def _meets(self, bound: float) -> bool:
        if math.isnan(self.measured):
            return False
        return self.measured >= bound if self.at_least else self.measured <= bound

    @property
    def held(self) -> bool:
        """Whether it is as good as it must be."""
        return self._meets(self.hold)

    @property
    def reached(self) -> bool | None:
        """Whether it is as good as it might be; nothing when nobody said how good."""
        return None if self.reach is None else self._meets(self.reach)

    def cells(self) -> list[str]:
        """The line as text."""
        sign = "≥" if self.at_least else "≤"
        reached = {None: "", True: "yes", False: "no"}[self.reached]
        return [
            self.what,
            _figure(self.measured, self.unit),
            f"{sign} {_figure(self.hold, self.unit)}",
            "yes" if self.held else "**no**",
            "" if self.reach is None else f"{sign} {_figure(self.reach, self.unit)}",
            reached,
        ]


def _figure(value: float, unit: str) -> str:
    text = f"{value:.2f}" if unit == "×" else f"{value:.0f}"
    return f"{text} {unit}".rstrip()


def _faster(what: str, rows: dict, hold: float, reach: float | None = None, *, own: str = GATE, peer: str) -> Line:
    """How many times the peer's requests fit in a core's second."""
    ratio = rows[peer]["cpu_us"] / rows[own]["cpu_us"]
    return Line(f"{what}: requests a core against {peer}", ratio, "×", True, hold, reach)


def _share(what: str, own: float, peer: float, hold: float, reach: float | None = None) -> Line:
    return Line(what, own / peer if peer else math.nan, "×", False, hold, reach)


def _same_job(found: dict) -> list[Line]:
    rows = found["rows"]
    return [
        _faster("same job, opaque", rows, 1.5, 1.8, peer="HAProxy"),
        _faster("same job, opaque", rows, 1.65, peer="nginx+Lua"),
        _faster("same job, opaque", rows, 1.1, peer="nginx"),
        _faster("same job, JSON filter", rows, 1.25, 1.5, own=FILTER, peer="HAProxy"),
        _share("p99 at saturation against HAProxy", rows[GATE]["p99_us"], rows["HAProxy"]["p99_us"], 0.7),
    ]


def _forward(found: dict) -> list[Line]:
    rows = found["rows"]
    own, peer = rows[GATE]["cpu_us"], rows["HAProxy, forward only"]["cpu_us"]
    return [_share("CPU against HAProxy that only forwards", own, peer, 1.3, 1.1)]


def _tokens(found: dict) -> list[Line]:
    few, many = found["100"]["rows"], found["1000000"]["rows"]
    memory = many[GATE]["memory_mb"], many["HAProxy"]["memory_mb"]
    return [
        _share("CPU with 1,000,000 tokens against 100", many[GATE]["cpu_us"], few[GATE]["cpu_us"], 1.05),
        _share("memory with 1,000,000 tokens against HAProxy", *memory, 0.35, 0.25),
    ]


def _reload(found: dict) -> list[Line]:
    own, peer = found[GATE], found["HAProxy"]
    tables = own["memory_before_mb"] + own["memory_after_mb"]
    return [
        _share("reload of 1,000,000 tokens: time against HAProxy", own["seconds"], peer["seconds"], 0.5),
        Line("reload: rate kept", own["rate"] / own["calm_rate"], "×", True, 0.9),
        Line("reload: errors", own["errors"], "", False, 0),
        Line("reload: memory peak", own["memory_peak_mb"], "MB", False, 250),
        Line("reload: memory peak beyond the old and the new table", own["memory_peak_mb"] - tables, "MB", False, 64),
    ]


def _tls(found: dict) -> list[Line]:
    rows = found["rows"]
    return [
        _faster("TLS, connections kept", rows, 1.75, peer="HAProxy"),
        _faster("TLS, connections kept", rows, 1.3, peer="nginx"),
    ]


def _handshakes(found: dict) -> list[Line]:
    rows = found["rows"]
    return [
        _share(f"full TLS handshake: CPU against {peer}", rows[GATE]["cpu_us"], rows[peer]["cpu_us"], 0.6)
        for peer in ("HAProxy", "nginx")
    ]


def _http2(found: dict) -> list[Line]:
    rows = found["rows"]
    return [_faster("HTTP/2", rows, 1.05, peer="HAProxy"), _faster("HTTP/2", rows, 1.3, peer="nginx")]


def _bodies(found: dict) -> list[Line]:
    rows = found["10 MB"]["rows"]
    return [
        _faster("answers of 10 MB", rows, 1.4, peer="HAProxy"),
        _faster("answers of 10 MB", rows, 1.1, peer="nginx"),
        Line("memory for an answer of 1 GB", found["1 GB"]["memory_peak_mb"], "MB", False, 32),
    ]


def _workers(found: dict) -> list[Line]:
    one, two = found["1"]["rows"][GATE], found["2"]["rows"][GATE]
    if found["cores for the load alone"]:
        return [Line("two workers against one: rate", two["rate"] / one["rate"], "×", True, 1.8)]
    return [_share("two workers against one: CPU of a request", two["cpu_us"], one["cpu_us"], 1.05)]


_LINES = {
    "same_job": _same_job,
    "forward": _forward,
    "tokens": _tokens,
    "reload": _reload,
    "tls": _tls,
    "handshakes": _handshakes,
    "http2": _http2,
    "bodies": _bodies,
    "workers": _workers,
}


def lines(tables: dict) -> list[Line]:
    """What holds, of the tables that were measured."""
    return [line for name, found in tables.items() if name in _LINES for line in _LINES[name](found)]
