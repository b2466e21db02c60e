"""A gigabyte through the gate, and what it keeps of it in memory."""

import socket
from dataclasses import dataclass

from measure import MemoryPeak
from peers import Peer, Settings

SIZE = 1 << 30


@dataclass
class Gigabyte:
    """What one such answer was like."""

    complete: bool
    memory_before_mb: float
    memory_peak_mb: float


def gigabyte(peer: Peer, settings: Settings) -> Gigabyte:
    """Fetches it once, and throws it away."""
    running = peer.start(settings)
    try:
        before = running.process.memory_mb()
        with MemoryPeak(running.process, every=0.05) as peak:
            received = _fetch(running.port, settings)
        return Gigabyte(received >= SIZE, before, max(peak.mb, before))
    finally:
        running.process.stop()


def _fetch(port: int, settings: Settings) -> int:
    """How many bytes came."""
    token, _ = settings.tokens.samples(1)[0]
    head = f"GET {settings.path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {token}\r\nConnection: close\r\n\r\n"
    room, received = bytearray(1 << 20), 0
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(head.encode())
        while count := connection.recv_into(room):
            received += count
    return received
