"""One table: several peers under the same load, in turns, and the medians of what was measured."""

import statistics
import threading
import time
from dataclasses import dataclass, field

from load import Counted, Load, run
from machine import Process
from peers import Peer, Running, Settings
from sets import TokenSet


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    rounds: int
    seconds: float
    warm_up: float = 1.0


@dataclass
class Row:
    """A peer's round, or the medians of its rounds."""

    # Requests a second.
    rate: float
    # CPU time of the proxy for a request: user and system time of all its processes.
    cpu_us: float
    p99_us: float
    # Memory (PSS) after the load.
    memory_mb: float
    # Bytes to the client, in MB a second.
    mb_per_second: float
    # How many cores the proxy used; where this is well below 1, the load or the backend was the limit.
    busy: float
    # Connections broken off, and answers that were refusals.
    errors: int


@dataclass
class Table:
    """What was measured of each peer under one load."""

    load: Load
    tokens: int
    rows: dict[str, Row] = field(default_factory=dict)
    rounds: dict[str, list[Row]] = field(default_factory=dict)
    ready_after: dict[str, float] = field(default_factory=dict)


def table(peers: list[Peer], settings: Settings, load: Load, pace: Pace) -> Table:
    """Starts all peers and sends load to one after the other; odd rounds go backwards."""
    measured = Table(load, settings.tokens.tokens)
    running = []
    for peer in peers:
        before = time.monotonic()
        running.append(peer.start(settings))
        measured.ready_after[peer.name] = time.monotonic() - before
        measured.rounds[peer.name] = []
    try:
        for number in range(pace.rounds):
            for one in running if number % 2 == 0 else reversed(running):
                row = _round(one, settings.tokens, load, pace)
                measured.rounds[one.name].append(row)
    finally:
        for one in running:
            one.process.stop()
    measured.rows = {name: _median(rows) for name, rows in measured.rounds.items()}
    return measured


def _round(one: Running, tokens: TokenSet, load: Load, pace: Pace) -> Row:
    run(load, tokens, one.port, pace.warm_up)
    one.process.forget_output()
    before = one.process.cpu_seconds()
    counted = run(load, tokens, one.port, pace.seconds)
    used = one.process.cpu_seconds() - before
    return _row(counted, used, one.process)


def _row(counted: Counted, used: float, process: Process) -> Row:
    return Row(
        rate=counted.requests / counted.seconds,
        cpu_us=used / max(1, counted.requests) * 1e6,
        p99_us=counted.p99_us,
        memory_mb=process.memory_mb(),
        mb_per_second=counted.bytes / counted.seconds / 1e6,
        busy=used / counted.seconds,
        errors=counted.broken + counted.refused,
    )


def _median(rows: list[Row]) -> Row:
    middle = {name: statistics.median(getattr(row, name) for row in rows) for name in vars(rows[0])}
    # An error in any round is an error.
    return Row(**{**middle, "errors": sum(row.errors for row in rows)})


class MemoryPeak:
    """Watches a process's memory while a block runs."""

    def __init__(self, process: Process, every: float = 0.1):
        """Looks each `every` seconds."""
        self.mb = 0.0
        self._process = process
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "MemoryPeak":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self.mb = max(self.mb, self._process.memory_mb())
