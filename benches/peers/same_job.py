"""Whether all do the same job: what a recording backend sees of each, and what is refused.

Every peer gets the same requests. What must come out of them is written down here, not taken from one of the peers. A
peer that differs stops the comparison, unless its file in `conf/` says that it does not do this.
"""

import http.client
import socketserver
import threading
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit

from machine import Failed
from peers import Peer, Settings
from sets import COLUMNS, TokenSet

HOST = "reports.example"

# What is compared of the headers; the others each program passes or sets as it thinks right.
FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-api-key", "authorization")


class _Recorder(socketserver.ThreadingTCPServer):
    """A backend that keeps what it is asked."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Recording)
        self.seen: list[tuple[str, list[tuple[str, str]]]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients may go at any time."""


class _Recording(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            target = line.decode("latin-1").split(" ")[1]
            headers = []
            while (field := self.rfile.readline().strip()) != b"":
                name, _, value = field.decode("latin-1").partition(":")
                headers.append((name.lower(), value.strip()))
            self.server.seen.append((target, headers))
            body = b'{"rows":[]}'
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)


@dataclass(frozen=True)
class Case:
    """A request, and what must become of it."""

    name: str
    token: str | None
    query: str
    status: int
    # What the backend must be asked; nothing when it must not be asked.
    forwarded: list[tuple[str, str]] | None = None


def cases(tokens: TokenSet) -> list[Case]:
    """The requests that every peer gets."""
    found = []
    for number, (token, columns) in enumerate(tokens.samples(3)):
        names = ",".join(columns)
        own = [("affiliate_id", str(_affiliate_of(tokens, token))), ("columns", names)]
        rest = [("limit", "50"), ("order", "price"), ("page", "3")]
        found += [
            Case(f"columns inside, holder {number}", token, f"page=3&columns={names}&limit=50&order=price", 200, own + rest),
            Case(f"columns first, holder {number}", token, f"columns={names}&page=3&limit=50&order=price", 200, own + rest),
            Case(f"columns last, holder {number}", token, f"page=3&limit=50&order=price&columns={names}", 200, own + rest),
            Case(f"only columns, holder {number}", token, f"columns={names}", 200, own),
            Case(f"no columns, holder {number}", token, "page=3&limit=50&order=price", 200, own + rest),
            Case(
                f"own id sent along, holder {number}",
                token,
                f"page=3&affiliate_id={own[0][1]}&columns={names}&limit=50&order=price",
                200,
                own + rest,
            ),
        ]
    found += [
        Case("no token", None, "page=3", 401),
        Case("unknown token", "0" * 40, "page=3", 401),
        Case("expired", tokens.special("expired"), "page=3", 401),
        Case("wrong address", tokens.special("stranger"), "page=3", 403),
        Case("no permission", tokens.special("unpermitted"), "page=3", 403),
    ]
    return found


def _affiliate_of(tokens: TokenSet, token: str) -> int:
    with open(tokens.folder / "nginx-tokens.conf") as lines:
        return next(int(line.split(" ")[1].split(":")[0]) for line in lines if line.startswith(token))


def _ask(port: int, case: Case) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    # The client lies about where it comes from.
    headers = {"Host": HOST, "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "evil"}
    if case.token:
        headers["X-Api-Key"] = case.token
    connection.request("GET", f"/k2/products?{case.query}", headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def _as_text(status: int, seen: list[tuple[str, list[tuple[str, str]]]]) -> list[str]:
    """What came of a request, a fact a line; the order of parameters does not count."""
    lines = [f"status {status}"]
    for target, headers in seen:
        parts = urlsplit(target)
        lines.append(f"path {parts.path}")
        lines += [f"parameter {name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))]
        lines += [f"{name}: {value}" for name, value in sorted(headers) if name in FORWARDED]
    return lines


def _expected(case: Case) -> list[str]:
    if case.forwarded is None:
        return [f"status {case.status}"]
    lines = ["status 200", "path /k2/products"]
    lines += [f"parameter {name}={value}" for name, value in sorted(case.forwarded)]
    return lines + ["x-forwarded-for: 127.0.0.1", f"x-forwarded-host: {HOST}", "x-forwarded-proto: http"]


def check(peers: list[Peer], settings: Settings) -> list[str]:
    """Holds every peer against the cases; what is allowed to differ, as sentences.

    Fails with all differences.
    """
    recorder = _Recorder()
    settings = replace(settings, backend_port=recorder.server_address[1])
    try:
        outcomes = [_check_one(peer, settings, recorder) for peer in peers]
    finally:
        recorder.shutdown()
        recorder.server_close()
    problems = [problem for found, _ in outcomes for problem in found]
    if problems:
        raise Failed("not the same job:\n" + "\n".join(problems))
    return [note for _, notes in outcomes for note in notes]


def _check_one(peer: Peer, settings: Settings, recorder: _Recorder) -> tuple[list[str], list[str]]:
    running = peer.start(settings)
    problems, notes = [], []
    for case in cases(settings.tokens):
        recorder.seen.clear()
        found = _as_text(_ask(running.port, case), recorder.seen)
        expected = _expected(case)
        if found == expected:
            continue
        difference = [f"    - {line}" for line in expected if line not in found]
        difference += [f"    + {line}" for line in found if line not in expected]
        if case.name in peer.lacks:
            notes.append(f"{peer.name} does not do this: {case.name} ({found[0]} instead of {expected[0]})")
        else:
            problems.append("\n".join([f"  {peer.name}, {case.name}:", *difference]))
    notes += _foreign_column(peer, settings, running.port, recorder, problems)
    running.process.stop()
    return problems, notes


def _foreign_column(
    peer: Peer, settings: Settings, port: int, recorder: _Recorder, problems: list[str]
) -> list[str]:
    """A column of somebody else must not be asked for; to refuse or to replace it are both right."""
    token, columns = settings.tokens.samples(1)[0]
    foreign = next(name for name in COLUMNS if name not in columns)
    recorder.seen.clear()
    status = _ask(port, Case("foreign column", token, f"columns={foreign}", 200))
    asked = [name for target, _ in recorder.seen for name in dict(parse_qsl(urlsplit(target).query))["columns"].split(",")]
    if foreign in asked:
        problems.append(f"  {peer.name} asks the backend for a column that is not granted")
    does = "replaces it by the holder's own" if status == 200 else f"refuses it with {status}"
    return [f"{peer.name}, asked for a column that is not granted, {does}"]
