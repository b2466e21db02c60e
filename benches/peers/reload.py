"""Reload of a whole token set under load: how long, what it does to the load, how much memory.

A token is added to the files and the peer is told to reload. It is done when the new token is let in on a new
connection. That is the same for all peers, whatever their processes do.
"""

import http.client
import os
import shutil
import signal
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from load import Counted, Load, run
from machine import WORK
from measure import MemoryPeak
from peers import GATE_OPAQUE, HAPROXY_MASTER, NGINX, NGINX_LUA, Running, Settings
from sets import IN_FUTURE, Affiliate, LOOPBACK, Token, TokenSet, gate_principal, gate_token, peers_lines, token_text

PEERS = [(GATE_OPAQUE, signal.SIGHUP), (HAPROXY_MASTER, signal.SIGUSR2), (NGINX, signal.SIGHUP), (NGINX_LUA, signal.SIGHUP)]

# The rate while it reloads is that of so many seconds, the first of which is before the reload.
WINDOW = 14
LOAD = Load(connections=16)


@dataclass
class Reloaded:
    """What one reload was like."""

    # From the signal to the first request that the new token may send.
    seconds: float
    calm_rate: float
    # Over the whole window.
    rate: float
    p99_calm_us: float
    p99_us: float
    errors: int
    memory_before_mb: float
    memory_peak_mb: float
    memory_after_mb: float


def reload_all(settings: Settings, calm_seconds: float) -> dict[str, Reloaded]:
    """Reloads every peer, one after the other."""
    measured = {}
    for peer, number in PEERS:
        # A copy, because the set is changed.
        folder = WORK / "run" / "reload-set"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(settings.tokens.folder, folder)
        copy = TokenSet(folder, settings.tokens.tokens)
        running = peer.start(replace(settings, tokens=copy))
        try:
            measured[peer.name] = _reload_one(running, copy, number, calm_seconds)
        finally:
            running.process.stop()
            shutil.rmtree(folder)
    return measured


def _reload_one(running: Running, tokens: TokenSet, number: int, calm_seconds: float) -> Reloaded:
    run(LOAD, tokens, running.port, 1)
    calm = run(LOAD, tokens, running.port, calm_seconds)
    running.process.forget_output()
    before = running.process.memory_mb()
    counted: list[Counted] = []
    under_load = threading.Thread(target=lambda: counted.append(run(LOAD, tokens, running.port, WINDOW)))
    with MemoryPeak(running.process, every=0.2) as peak:
        under_load.start()
        time.sleep(1)
        new = Token(token_text("new"), Affiliate(7_003, ["id"], [LOOPBACK]), IN_FUTURE)
        _add(tokens.folder, new)
        started = time.monotonic()
        running.process.signal(number)
        seconds = _wait_until_known(running.port, new.text, started)
        under_load.join()
    after = running.process.memory_mb()
    loaded = counted[0]
    return Reloaded(
        seconds=seconds,
        calm_rate=calm.requests / calm.seconds,
        rate=loaded.requests / loaded.seconds,
        p99_calm_us=calm.p99_us,
        p99_us=loaded.p99_us,
        errors=loaded.broken + loaded.refused,
        memory_before_mb=before,
        memory_peak_mb=max(peak.mb, before, after),
        memory_after_mb=after,
    )


def _add(folder: Path, new: Token) -> None:
    """Adds a token to the files of all peers."""
    for name, line in peers_lines(new).items():
        with open(folder / name, "a") as file:
            file.write(line)
    for name, line in (("haproxy-columns.map", "7003 id\n"), ("nginx-columns.conf", "7003 id;\n")):
        with open(folder / name, "a") as file:
            file.write(line)
    loopback = _segment_of(folder, LOOPBACK[0])
    for name, end in (("haproxy-allowed.map", " 1\n"), ("nginx-allowed.conf", " 1;\n")):
        with open(folder / name, "a") as file:
            file.write(f"7003:{loopback}{end}")
    with open(folder / "lua-affiliates.txt", "a") as file:
        file.write(f"7003 id {'-'.join(LOOPBACK)}\n")
    added = folder / "gate" / "added.tmp"
    added.write_text(gate_principal("new", new.holder) + gate_token(new, "new", "new"))
    os.rename(added, folder / "gate" / "added.toml")


def _segment_of(folder: Path, address: str) -> str:
    lines = (folder / "nginx-networks.conf").read_text().splitlines()
    return next(line.split(" ")[1].rstrip(";") for line in lines if line.startswith(f"{address}-"))


def _wait_until_known(port: int, token: str, started: float) -> float:
    """How long until a token is let in."""
    while time.monotonic() - started < 120:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/k2/products", headers={"X-Api-Key": token})
            if connection.getresponse().status == 200:
                return time.monotonic() - started
        except OSError:
            pass  # A process that goes away may reset a new connection.
        except http.client.HTTPException:
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    return float("inf")
