"""The machine and what runs on it: free ports, pinned processes, their CPU time and memory."""

import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"
GATE = ROOT / "target" / "release" / "reportgate"
BACKEND = WORK / "backend"

# The proxies have the first core, load and backend those that are left.
CORES = sorted(os.sched_getaffinity(0))
PROXY_CORES = CORES[:1]
LOAD_CORES = CORES[1:] or CORES

_TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The comparison cannot go on."""


_handed_out: set[int] = set()


def free_port() -> int:
    """A port of the loopback address on which nobody listens, and which nobody else was given."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def allow_many_files() -> None:
    """Raises the number of open files to what is allowed; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_pinned(command: list[str], cores: list[int], **options) -> subprocess.CompletedProcess:
    """Runs a command to its end on these cores."""
    return subprocess.run(_pinned(command, cores), text=True, capture_output=True, **options)


def _pinned(command: list[str], cores: list[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


class Process:
    """A program of ours and its children, from start to `stop`."""

    _running: list["Process"] = []

    def __init__(self, command: list[str], cores: list[int], folder: Path, logs: bool = True):
        """Starts it; its stdout is appended to `folder`/out, or thrown away, and its stderr to `folder`/log."""
        folder.mkdir(parents=True, exist_ok=True)
        self.output = folder / "out" if logs else Path(os.devnull)
        self.log = folder / "log"
        for file in (folder / "out", self.log):
            file.unlink(missing_ok=True)
        with open(self.output, "ab") as output, open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                _pinned(command, cores), stdout=output, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self.pid = self._child.pid
        Process._running.append(self)

    def wait_for(self, port: int, seconds: float = 120) -> None:
        """Waits until it listens on that port."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._child.poll() is not None:
                raise Failed(f"{self._child.args[3]} ended:\n{self.log.read_text(errors='replace')[-3000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failed(f"{self._child.args[3]} does not listen on {port}")

    def signal(self, number: int) -> None:
        """Sends a signal to the program itself, not to its children."""
        os.kill(self.pid, number)

    def family(self) -> list[int]:
        """The ids of the program and all its descendants."""
        found, rest = [], [self.pid]
        while rest:
            process = rest.pop()
            found.append(process)
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                try:
                    rest += map(int, children.read_text().split())
                except OSError:
                    pass  # It ended meanwhile.
        return found

    def cpu_seconds(self) -> float:
        """CPU time used so far, by the program and its kernel work, children included that still run."""
        total = 0
        for process in self.family():
            try:
                fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def memory_mb(self) -> float:
        """Memory in use (PSS), in MB of 1,000,000 bytes."""
        total = 0
        for process in self.family():
            try:
                rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
            except OSError:
                continue
            found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
            total += int(found[1]) * 1024 if found else 0
        return total / 1e6

    def forget_output(self) -> None:
        """Empties what it wrote on stdout, so that access logs do not fill the disk."""
        if self.output.is_file():
            os.truncate(self.output, 0)

    def stop(self) -> None:
        """Ends it and its children."""
        if self not in Process._running:
            return
        Process._running.remove(self)
        for number, seconds in ((signal.SIGTERM, 1), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                pass
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        # Children outlive a parent that ends at once.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @classmethod
    def stop_all(cls) -> None:
        """Ends whatever was started and still runs."""
        for process in list(cls._running):
            process.stop()


def start_backend() -> int:
    """Starts the backend on the cores of the load; its port."""
    port = free_port()
    Process([BACKEND, str(port)], LOAD_CORES, WORK / "run" / "backend").wait_for(port)
    return port


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, text=True, capture_output=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "?"


def description() -> dict[str, str]:
    """What a reader must know of the machine and the programs."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True, capture_output=True)
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": str(len(CORES)),
        "cpu": cpu[1] if cpu else platform.machine(),
        "memory": f"{int(memory[1]) / 1e6:.0f} GB" if memory else "?",
        "kernel": platform.release(),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "reportgate": f"{_first_line([str(GATE), '--version'])} ({commit.stdout.strip()})",
        "HAProxy": _first_line([program("haproxy"), "-v"]),
        "nginx": _first_line([program("nginx"), "-v"]),
        "wrk": _first_line([program("wrk"), "-v"]).split(" Copyright")[0],
        "h2load": _first_line([program("h2load"), "--version"]),
    }


def program(name: str) -> str:
    """The path of a program; `run` tells where it is when it had to unpack it."""
    path = os.environ.get(f"PEERS_{name.upper()}") or shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not path:
        raise Failed(f"{name} is missing; benches/peers/run fetches it")
    return path
