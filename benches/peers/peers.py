"""Who is compared: the gate and its peers, each started from its file in `conf/`."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from machine import GATE, HERE, PROXY_CORES, WORK, Process, free_port, program
from sets import TokenSet

OPAQUE = 'format = "opaque"'
JSON_FILTER = 'format = "json"\nrows = "/rows"'

# So high that nobody is denied; every request is counted all the same.
HIGH_RATE = "1000000/s"


@dataclass(frozen=True)
class Settings:
    """What a peer is started with."""

    tokens: TokenSet
    backend_port: int
    path: str = "/k2/products"
    workers: int = 1
    cores: tuple[int, ...] = tuple(PROXY_CORES)
    tls: bool = False
    http2: bool = False


@dataclass
class Running:
    """A peer that listens."""

    name: str
    process: Process
    port: int


@dataclass(frozen=True)
class Peer:
    """A program with one of the files in `conf/`."""

    name: str
    config: str
    # Whether it checks tokens at all, and what of the job it is known not to do.
    whole_job: bool = True
    lacks: frozenset[str] = frozenset()
    # Further arguments of HAProxy.
    arguments: tuple[str, ...] = ("-db",)
    # What stands at @NAME@ in our own config.
    values: dict[str, str] = field(default_factory=dict)
    # Whether our access log goes to a file, or is thrown away.
    logs: bool = True

    def start(self, settings: Settings) -> Running:
        """Starts it on free ports, and waits until it listens."""
        run = WORK / "run" / re.sub(r"\W+", "-", self.name)
        run.mkdir(parents=True, exist_ok=True)
        port = free_port()
        config = run / self.config
        config.write_text(self._filled_in(settings, run, port))
        process = Process(self._command(config, run), list(settings.cores), run, logs=self.logs)
        process.wait_for(port)
        return Running(self.name, process, port)

    def _command(self, config: Path, run: Path) -> list[str]:
        if self.config.startswith("haproxy"):
            return [program("haproxy"), *self.arguments, "-f", str(config)]
        if self.config.startswith("nginx"):
            return [program("nginx"), "-p", str(run), "-c", str(config)]
        return [str(GATE), "serve", "-c", str(config)]

    def _filled_in(self, settings: Settings, run: Path, port: int) -> str:
        values = {
            "PORT": port,
            "ADMIN_PORT": free_port(),
            "BACKEND_PORT": settings.backend_port,
            "SET": settings.tokens.folder,
            "RUN": run,
            "WORKERS": settings.workers,
            "PATH": settings.path,
            "SCHEME": "https" if settings.tls else "http",
            "MODULES": os.environ.get("PEERS_NGINX_MODULES", "/usr/lib/nginx/modules"),
            "LUA": os.environ.get("PEERS_LUA", "/usr/share/lua/5.1"),
            "RESPONSE": OPAQUE,
            "RATE": HIGH_RATE,
            "SERVER": "",
            **self._listener(settings),
            **self.values,
        }
        text = (HERE / "conf" / self.config).read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def _listener(self, settings: Settings) -> dict[str, str]:
        """The words for TLS and HTTP/2."""
        haproxy = self.config.startswith("haproxy")
        nginx = self.config.startswith("nginx")
        words, certificate = "", ""
        if settings.tls:
            pem = certificate_files()
            if haproxy:
                words = f"ssl crt {pem / 'both.pem'} alpn h2,http/1.1"
            elif nginx:
                words = "ssl"
                certificate = f"ssl_certificate {pem / 'cert.pem'}; ssl_certificate_key {pem / 'key.pem'};"
                certificate += " ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on;"
            else:
                words = f'tls = {{ cert = "{pem / "cert.pem"}", key = "{pem / "key.pem"}" }}'
        elif settings.http2:
            words = "proto h2" if haproxy else "http2" if nginx else ""
        return {"TLS": words, "CERTIFICATE": certificate}


def certificate_files() -> Path:
    """A folder with a certificate of P-256 for this machine, made when it is not there."""
    folder = WORK / "certificate"
    if (folder / "both.pem").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "3650", "-keyout", key, "-out", certificate, "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "both.pem").write_text(certificate.read_text() + key.read_text())
    return folder


GATE_OPAQUE = Peer("reportgate", "reportgate.toml")
GATE_JSON = Peer("reportgate, filter", "reportgate.toml", values={"RESPONSE": JSON_FILTER})
HAPROXY = Peer("HAProxy", "haproxy.cfg")
# As a master with a worker, which can reload.
HAPROXY_MASTER = Peer("HAProxy", "haproxy.cfg", arguments=("-W", "-db"))
NGINX = Peer("nginx", "nginx.conf", lacks=frozenset({"expired"}))
NGINX_LUA = Peer("nginx+Lua", "nginx-lua.conf")
HAPROXY_FORWARD = Peer("HAProxy, forward only", "haproxy-forward.cfg", whole_job=False)
HAPROXY_TCP = Peer("HAProxy, TCP only", "haproxy-tcp.cfg", whole_job=False)
NGINX_FORWARD = Peer("nginx, forward only", "nginx-forward.conf", whole_job=False)

# The gate with one feature less than by default. Neither counting for metrics nor the limits of connections, heads and
# time can be off.
FEATURES_OFF = [
    Peer("access log", "reportgate.toml", values={"RESPONSE": JSON_FILTER}, logs=False),
    Peer("filter", "reportgate.toml"),
    Peer("rate limits", "reportgate.toml", values={"RESPONSE": JSON_FILTER, "RATE": "off"}),
    Peer("lockout", "reportgate.toml", values={"RESPONSE": JSON_FILTER, "SERVER": 'lockout = "off"'}),
    Peer("own endpoints", "reportgate.toml", values={"RESPONSE": JSON_FILTER, "SERVER": 'self_service = ""'}),
]
