"""Load: wrk for HTTP/1.1, h2load for HTTP/2, and what each run of them counted."""

import os
import re
from dataclasses import dataclass

from machine import HERE, LOAD_CORES, Failed, program, run_pinned
from sets import TokenSet

QUERY = "page=3&columns=@COLUMNS@&limit=50&order=price"


@dataclass(frozen=True)
class Load:
    """Clients that ask as fast as they are answered."""

    path: str = "/k2/products"
    connections: int = 64
    # Concurrent requests of each connection; more than one only with HTTP/2.
    streams: int = 1
    tls: bool = False
    http2: bool = False
    # Whether each request has a connection, and with TLS a full handshake, of its own.
    close: bool = False
    cores: tuple[int, ...] = tuple(LOAD_CORES)


@dataclass(frozen=True)
class Counted:
    """What one run counted."""

    requests: int
    seconds: float
    bytes: int
    # Connections that broke off, and answers other than 2xx.
    broken: int
    refused: int
    p50_us: float
    p99_us: float
    p999_us: float


def run(load: Load, tokens: TokenSet, port: int, seconds: float) -> Counted:
    """Sends load to a port for so long."""
    scheme = "https" if load.tls else "http"
    origin = f"{scheme}://127.0.0.1:{port}"
    return _h2load(load, tokens, origin, seconds) if load.http2 else _wrk(load, tokens, origin, seconds)


def _wrk(load: Load, tokens: TokenSet, origin: str, seconds: float) -> Counted:
    environment = dict(os.environ, REQUESTS=str(tokens.requests), TARGET=f"{load.path}?{QUERY}")
    if load.close:
        environment["CLOSE"] = "1"
    threads = min(len(load.cores), load.connections)
    command = [program("wrk"), f"-t{threads}", f"-c{load.connections}", f"-d{max(1, round(seconds))}s"]
    command += ["--timeout", "30s", "--latency", "-s", str(HERE / "requests.lua"), origin]
    done = run_pinned(command, list(load.cores), env=environment)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if not found:
        raise Failed(f"wrk: {done.stdout}{done.stderr}")
    said = {name: int(value) for name, value in (pair.split("=") for pair in found[1].split())}
    return Counted(
        said["requests"],
        said["microseconds"] / 1e6,
        said["bytes"],
        said["broken"],
        said["refused"],
        said["p50"],
        said["p99"],
        said["p999"],
    )


def _h2load(load: Load, tokens: TokenSet, origin: str, seconds: float) -> Counted:
    """One token sends all requests: h2load knows one set of headers only."""
    token, columns = tokens.samples(1)[0]
    target = f"{load.path}?{QUERY}".replace("@COLUMNS@", ",".join(columns))
    seconds = max(1, round(seconds))
    command = [program("h2load"), "-t1", f"-c{load.connections}", f"-m{load.streams}", f"-D{seconds}"]
    command += ["-H", f"x-api-key: {token}", "-H", "accept: application/json", origin + target]
    done = run_pinned(command, list(load.cores))
    statuses = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    broken = re.search(r"(\d+) failed, (\d+) errored", done.stdout)
    mean = re.search(r"^time for request:\s+\S+\s+\S+\s+(\S+)", done.stdout, re.MULTILINE)
    if not (statuses and broken and mean):
        raise Failed(f"h2load: {done.stdout}{done.stderr}")
    good, *others = map(int, statuses.groups())
    refused = sum(others)
    # It tells no percentiles; the mean stands in for the median.
    none = float("nan")
    failed = max(0, int(broken[1]) - refused)
    return Counted(good, seconds, 0, failed, refused, _microseconds(mean[1]), none, none)


def _microseconds(text: str) -> float:
    """`1.5ms`, `12us` or `2s`."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]
