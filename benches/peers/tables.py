"""Every table of the comparison by name, and how it is measured."""

from dataclasses import asdict, dataclass, replace
from typing import Callable

from large import gigabyte
from load import Load
from machine import CORES, LOAD_CORES, PROXY_CORES
from measure import Pace, Table, table
from peers import (
    FEATURES_OFF,
    GATE_JSON,
    GATE_OPAQUE,
    HAPROXY,
    HAPROXY_FORWARD,
    HAPROXY_TCP,
    NGINX,
    NGINX_FORWARD,
    NGINX_LUA,
    Peer,
    Settings,
)
from reload import reload_all
from sets import token_set

USUAL = 100_000
TOKENS = (100, USUAL, 1_000_000)
SAME_JOB = [GATE_OPAQUE, HAPROXY, NGINX, NGINX_LUA]


@dataclass(frozen=True)
class Bench:
    """What all tables are measured with."""

    backend_port: int
    pace: Pace

    def settings(self, tokens: int = USUAL, **others) -> Settings:
        """What peers are started with."""
        return Settings(token_set(tokens), self.backend_port, **others)

    def table(self, peers: list[Peer], load: Load = Load(), tokens: int = USUAL, **others) -> dict:
        """One table under one load."""
        settings = self.settings(tokens, path=load.path, tls=load.tls, http2=load.http2, **others)
        return _plain(table(peers, settings, load, self.pace))


def _plain(measured: Table) -> dict:
    """What goes into the raw data."""
    return asdict(measured)


def same_job(bench: Bench) -> dict:
    """The whole job, answers of 2 KB relayed as they are, and with the filter of the gate."""
    return bench.table([GATE_OPAQUE, GATE_JSON, HAPROXY, NGINX, NGINX_LUA])


def forward(bench: Bench) -> dict:
    """The gate against programs that only forward."""
    return bench.table([GATE_OPAQUE, HAPROXY_TCP, HAPROXY_FORWARD, NGINX_FORWARD])


def tokens(bench: Bench) -> dict:
    """The whole job with more and more tokens: CPU time and memory."""
    return {str(count): bench.table(SAME_JOB, tokens=count) for count in TOKENS}


def principals(bench: Bench) -> dict:
    """A million tokens that a million principals hold, of the gate only: start and memory."""
    many = token_set(TOKENS[-1], principals=TOKENS[-1])
    settings = Settings(many, bench.backend_port)
    return _plain(table([GATE_OPAQUE], settings, Load(), replace(bench.pace, rounds=1)))


def reload(bench: Bench) -> dict:
    """A reload of a million tokens under load."""
    measured = reload_all(bench.settings(TOKENS[-1]), calm_seconds=max(2.0, bench.pace.seconds))
    return {name: asdict(one) for name, one in measured.items()}


def tls(bench: Bench) -> dict:
    """TLS, connections that are kept."""
    return bench.table([GATE_OPAQUE, HAPROXY, NGINX], Load(tls=True))


def handshakes(bench: Bench) -> dict:
    """TLS, a full handshake for each request."""
    return bench.table([GATE_OPAQUE, HAPROXY, NGINX], Load(tls=True, close=True, connections=32))


def http2(bench: Bench) -> dict:
    """HTTP/2 without TLS, 16 streams on each of 16 connections; all of one token."""
    return bench.table([GATE_OPAQUE, HAPROXY, NGINX], Load(http2=True, connections=16, streams=16))


def bodies(bench: Bench) -> dict:
    """Larger answers, and the memory that one of 1 GB takes."""
    peers = [GATE_OPAQUE, HAPROXY, NGINX]
    found = {
        "100 KB": bench.table(peers, Load(path="/k100/products", connections=32)),
        "10 MB": bench.table(peers, Load(path="/m10/products", connections=4)),
    }
    one = gigabyte(GATE_OPAQUE, bench.settings(TOKENS[0], path="/g1/products"))
    return {**found, "1 GB": asdict(one)}


def workers(bench: Bench) -> dict:
    """Two workers against one. Where there are no cores for the load alone, all share all cores both times."""
    enough = len(CORES) >= 4
    two = tuple(CORES[:2])
    rest = tuple(CORES[2:]) if enough else tuple(CORES)
    load = Load(cores=rest)
    one_core = tuple(PROXY_CORES) if enough else two
    found = {}
    for count, cores in ((1, one_core), (2, two)):
        found[str(count)] = bench.table([GATE_OPAQUE], load, workers=count, cores=cores)
    return {**found, "cores for the load alone": enough}


def features(bench: Bench) -> dict:
    """What each feature that is on by default costs: the gate with all of them, and with each switched off."""
    return bench.table([GATE_JSON, *FEATURES_OFF])


TABLES: dict[str, Callable[[Bench], dict]] = {
    one.__name__: one
    for one in (same_job, forward, tokens, principals, reload, tls, handshakes, http2, bodies, workers, features)
}
QUICK = ["same_job"]

# For the report.
PINNED = f"proxy on core {PROXY_CORES[0]}, load and backend on {', '.join(map(str, LOAD_CORES))}"
