"""Token sets: the same principals, tokens, columns and address ranges in the words of every peer.

A set lies in a folder of its own and is made once. 1,000 affiliates (fewer when there are fewer tokens) share the tokens
evenly. Each has 4 to 10 of the 16 columns, the loopback range, and three other ranges. Three more tokens are there to be
refused: `expired`, `stranger` (of an affiliate that may not come from here) and `unpermitted`.
"""

import bisect
import hashlib
import ipaddress
import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from machine import WORK

COLUMNS = (
    "id name price stock sku brand category url image currency shipping gtin mpn condition color size".split()
)
AFFILIATES = 1_000
TOKENS_PER_FILE = 1_000
LOOPBACK = ("127.0.0.1", "127.0.0.16")
IN_FUTURE = (1_893_456_000, "2030-01-01T00:00:00Z")
IN_PAST = (1_577_836_800, "2020-01-01T00:00:00Z")

# How many requests the load generator holds ready; they spread over the whole set.
MOST_REQUESTS = 20_000


@dataclass(frozen=True)
class Affiliate:
    """Who holds tokens."""

    id: int
    columns: list[str]
    ranges: list[tuple[str, str]]
    permitted: bool = True


@dataclass(frozen=True)
class Token:
    """A token and what is to be known of it."""

    text: str
    holder: Affiliate
    expires: tuple[int, str] = IN_FUTURE

    @property
    def digest(self) -> str:
        """What configs hold instead of it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def rights(self) -> str:
        """`r` is the right that the report asks for."""
        return "re" if self.holder.permitted else "e"


@dataclass(frozen=True)
class TokenSet:
    """A set that lies on the disk."""

    folder: Path
    tokens: int

    @property
    def requests(self) -> Path:
        """A token and its holder's columns a line."""
        return self.folder / "requests.txt"

    def samples(self, count: int) -> list[tuple[str, list[str]]]:
        """Some of the tokens, each with its holder's columns."""
        lines = self.requests.read_text().splitlines()[:count]
        return [(token, columns.split(",")) for token, columns in (line.split(" ") for line in lines)]

    def special(self, name: str) -> str:
        """The token that is to be refused for that reason."""
        return json.loads((self.folder / "special.json").read_text())[name]


def token_text(number: int | str) -> str:
    """A token like those of a platform: 40 hexadecimal digits."""
    return hashlib.sha256(f"token {number}".encode()).hexdigest()[:40]


def _affiliates(count: int) -> list[Affiliate]:
    chance = random.Random(7)
    made = []
    for number in range(count):
        columns = chance.sample(COLUMNS, chance.randint(4, 10))
        ranges = [LOOPBACK]
        for _ in range(3):
            start = chance.randint(0x0B000000, 0xDF000000)
            end = start + chance.randint(0, 5_000)
            ranges.append((str(ipaddress.ip_address(start)), str(ipaddress.ip_address(end))))
        made.append(Affiliate(1_000 + number, columns, ranges))
    return made


def token_set(tokens: int, principals: int | None = None) -> TokenSet:
    """The set of so many tokens, made when it is not there.

    With `principals`, our own config has so many of them instead of one per affiliate; the peers' files, which know
    affiliates only, are the same.
    """
    name = f"{tokens}" if principals is None else f"{tokens}-of-{principals}"
    made = TokenSet(WORK / "sets" / name, tokens)
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    stamp = made.folder / "recipe"
    if stamp.exists() and stamp.read_text() == recipe:
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    made.folder.mkdir(parents=True)
    affiliates = _affiliates(min(AFFILIATES, tokens))
    regular = [Token(token_text(number), affiliates[number % len(affiliates)]) for number in range(tokens)]
    special = _special(affiliates[0])
    everyone = affiliates + [token.holder for name, token in special.items() if name != "expired"]
    _write_requests(made, regular, special)
    _write_peers_tokens(made.folder, regular + list(special.values()))
    _write_peers_affiliates(made.folder, everyone)
    _write_gate(made.folder, regular, special, principals or len(affiliates))
    stamp.write_text(recipe)
    return made


def _special(usual: Affiliate) -> dict[str, Token]:
    away = [("192.0.2.1", "192.0.2.9")]
    return {
        "expired": Token(token_text("expired"), usual, IN_PAST),
        "stranger": Token(token_text("stranger"), Affiliate(7_001, usual.columns, away)),
        "unpermitted": Token(token_text("unpermitted"), Affiliate(7_002, usual.columns, [LOOPBACK], False)),
    }


def _write_requests(made: TokenSet, regular: list[Token], special: dict[str, Token]) -> None:
    step = max(1, len(regular) // MOST_REQUESTS)
    spread = regular[::step][:MOST_REQUESTS]
    random.Random(7).shuffle(spread)
    lines = (f"{token.text} {','.join(token.holder.columns)}\n" for token in spread)
    made.requests.write_text("".join(lines))
    texts = {name: token.text for name, token in special.items()}
    (made.folder / "special.json").write_text(json.dumps(texts))


def peers_lines(token: Token) -> dict[str, str]:
    """The line of each peer's file that knows a token."""
    facts = f"{token.holder.id}:{token.expires[0]}:{token.rights}"
    return {
        "haproxy-tokens.map": f"{token.digest.upper()} {facts}\n",
        "nginx-tokens.conf": f"{token.text} {facts};\n",
        "lua-tokens.txt": f"{token.digest} {token.holder.id} {token.expires[0]} {token.rights}\n",
    }


def _write_peers_tokens(folder: Path, tokens: list[Token]) -> None:
    files = {name: open(folder / name, "w") for name in peers_lines(tokens[0])}
    for token in tokens:
        for name, line in peers_lines(token).items():
            files[name].write(line)
    for file in files.values():
        file.close()


def _write_peers_affiliates(folder: Path, affiliates: list[Affiliate]) -> None:
    """Columns; and the ranges, cut where any begins or ends, for peers that can look an address up in one list only."""
    columns = [(one.id, ",".join(one.columns)) for one in affiliates]
    (folder / "haproxy-columns.map").write_text("".join(f"{id} {names}\n" for id, names in columns))
    (folder / "nginx-columns.conf").write_text("".join(f"{id} {names};\n" for id, names in columns))
    ranges = [(one.id, ",".join("-".join(pair) for pair in one.ranges)) for one in affiliates]
    (folder / "lua-affiliates.txt").write_text(
        "".join(f"{id} {names} {own}\n" for (id, names), (_, own) in zip(columns, ranges))
    )
    networks, geo, allowed = [], [], []
    for number, (first, last, holders) in enumerate(_segments(affiliates)):
        networks += [f"{net} {number}\n" for net in ipaddress.summarize_address_range(first, last)]
        geo.append(f"{first}-{last} {number};\n")
        allowed += [f"{holder}:{number} 1" for holder in holders]
    (folder / "haproxy-networks.map").write_text("".join(networks))
    (folder / "haproxy-allowed.map").write_text("".join(f"{pair}\n" for pair in allowed))
    (folder / "nginx-networks.conf").write_text("".join(geo))
    (folder / "nginx-allowed.conf").write_text("".join(f"{pair};\n" for pair in allowed))


def _segments(affiliates: list[Affiliate]):
    """Disjoint ranges: the first address, the last, and whose ranges hold them."""
    owned = [
        (int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last)), one.id)
        for one in affiliates
        for first, last in one.ranges
    ]
    bounds = sorted({bound for first, last, _ in owned for bound in (first, last + 1)})
    holders: list[list[int]] = [[] for _ in bounds]
    for first, last, holder in owned:
        for at in range(bisect.bisect_left(bounds, first), bisect.bisect_right(bounds, last)):
            holders[at].append(holder)
    for at, ids in enumerate(holders):
        if ids:
            yield ipaddress.ip_address(bounds[at]), ipaddress.ip_address(bounds[at + 1] - 1), ids


def gate_token(token: Token, principal: str, number: int | str) -> str:
    """A token in our own config."""
    return (
        f"[[affiliates.{principal}.tokens]]\n"
        f'id = "t{number}"\n'
        f'hash = "sha256:{token.digest}"\n'
        f"expires = {token.expires[1]}\n"
    )


def _quoted(values) -> str:
    return ", ".join(f'"{value}"' for value in values)


def gate_principal(name: str, own: Affiliate) -> str:
    """A principal in our own config, without its tokens."""
    return (
        f"[affiliates.{name}]\n"
        f'role = "{"standard" if own.permitted else "idle"}"\n'
        f'scope = ["{own.id}"]\n'
        f"allowed_ips = [{_quoted('-'.join(pair) for pair in own.ranges)}]\n"
        f"columns.products = [{_quoted(own.columns)}]\n"
    )


def _write_gate(folder: Path, regular: list[Token], special: dict[str, Token], principals: int) -> None:
    """Included files, of 1,000 tokens each; a principal stands in one file, with all its tokens."""
    included = folder / "gate"
    included.mkdir()
    files = max(1, len(regular) // TOKENS_PER_FILE)
    texts: list[list[str]] = [[] for _ in range(files)]
    for principal in range(principals):
        own = regular[principal::principals]
        text = [gate_principal(f"p{principal}", own[0].holder)]
        numbers = range(principal, len(regular), principals)
        text += [gate_token(token, f"p{principal}", number) for number, token in zip(numbers, own)]
        texts[principal % files] += text
    for number, text in enumerate(texts):
        (included / f"{number:04}.toml").write_text("".join(text))
    odd = []
    for name, token in special.items():
        odd += [gate_principal(name, token.holder), gate_token(token, name, name)]
    (included / "special.toml").write_text("".join(odd))
