"""Generates answers of backends, and holds what the filter makes of them against Python's own parsers.

Usage: differential.py SEED COUNT [FORM ...]. Cases go to stdout, what came of each to stdin: frames of a length (4
bytes, the highest first) and that many bytes. A case is two frames: how to cut, as JSON, and the body; what came of it
is one: `+` and the output, or `-` and an error. Exits with 1 when Python would have cut one of them otherwise.

A form of answers is one generator in FORMS. It yields cases for ever; each tells how the body is cut, the body, and
`expect`, which takes the body, as Python reads it, to what must leave, in the terms in which `read` reads the output.
"""

import csv
import io
import json
import random
import struct
import sys
from dataclasses import dataclass
from typing import Any, Callable
from xml.etree import ElementTree


class Refused(Exception):
    """Python's parsers, or the rules, do not let it pass."""


@dataclass(frozen=True)
class Number:
    """A number of JSON, told by its digits."""

    text: str


@dataclass(frozen=True)
class Object:
    """An object of JSON: its members in order."""

    members: tuple

    def get(self, name):
        return next((value for key, value in self.members if key == name), MISSING)


MISSING = object()


@dataclass
class Case:
    cut: dict
    body: bytes
    expect: Callable[[bytes], Any]
    read: Callable[[bytes], Any]
    # Whether it is in order, so that a refusal is a mistake.
    sound: bool = True


# Values and how they are written.

NAMES = ["id", "click", "email", "Cost", "país", "a b", "x.y", 'q"t', "back\\slash", "tab\tname", "日本", "😀 name", "", "nil", "Id", "idd"]
TEXTS = ["", "DE", "a,b", 'say "hi"', "line\nbreak", "cr\r\nlf", "é", "日本語", "😀", "\\", "/", "\x00\x1f\x7f", "\ud800", "=1+1", "tab\t", "0", "null"]


def number(chance):
    whole = chance.choice(["0", "7", "-1", "-0", str(chance.getrandbits(chance.choice([8, 64, 200])))])
    part = chance.choice(["", "", ".0", ".10", f".{chance.getrandbits(80)}"])
    power = chance.choice(["", "", "", "e5", "E+400", "e-400", "E00"])
    return Number(whole + part + power)


def text(chance):
    if chance.random() < 0.3:
        return "".join(chance.choice(TEXTS) for _ in range(chance.randrange(4)))
    return chance.choice(TEXTS) if chance.random() < 0.5 else f"text {chance.getrandbits(chance.choice([8, 30, 900]))}"


def scalar(chance):
    return chance.choice([number, number, text, text, lambda _: None, lambda _: chance.random() < 0.5])(chance)


def value(chance, depth=3):
    kind = chance.random()
    if depth == 0 or kind < 0.75:
        return scalar(chance)
    if kind < 0.87:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = chance.sample(NAMES, chance.randrange(4))
    return Object(tuple((name, value(chance, depth - 1)) for name in names))


def written(chance, value, plain=False):
    """JSON text, spelt as no two programs would."""

    def blank():
        return "" if plain or chance.random() < 0.8 else chance.choice([" ", "\n", "\r\n  ", "\t"])

    def string(text):
        if plain or chance.random() < 0.5:
            return json.dumps(text)
        if chance.random() < 0.8:
            spelt = json.dumps(text, ensure_ascii=False)
            return "".join(f"\\u{ord(c):04X}" if 0xD800 <= ord(c) < 0xE000 else c for c in spelt)
        units = text.encode("utf-16-be", "surrogatepass")
        return '"' + "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2)) + '"'

    def any_of(value):
        match value:
            case Object(members):
                inside = (f"{blank()}{string(name)}{blank()}:{blank()}{any_of(v)}{blank()}" for name, v in members)
                return "{" + (",".join(inside) or blank()) + "}"
            case list():
                return "[" + (",".join(f"{blank()}{any_of(v)}{blank()}" for v in value) or blank()) + "]"
            case Number(text):
                return text
            case str():
                return string(value)
            case _:
                return json.dumps(value)

    return blank() + any_of(value) + blank()


def parsed(body):
    """What Python takes a body for; strictly RFC 8259, in UTF-8, a byte order mark at its start ignored."""
    def refuse(word):
        raise Refused(word)

    try:
        return json.loads(
            body.decode("utf-8").removeprefix("\ufeff"),
            object_pairs_hook=lambda members: Object(tuple(members)),
            parse_int=Number,
            parse_float=Number,
            parse_constant=refuse,
        )
    except ValueError as error:
        raise Refused(str(error)) from error


# What must leave, whatever the format: rows are lists of (name, cell) in the order of the view.


def own_rows(rows, cut):
    """The rows that may leave; `rows` are functions from a backend's name to a cell."""
    for row in rows:
        if "scope_column" in cut:
            cell = row(cut["scope_column"])
            scope = cell.text if isinstance(cell, Number) else cell
            if scope not in cut["own"]:
                if cut["on_foreign_row"] == "refuse":
                    raise Refused("a foreign row")
                continue
        yield [(name, cell) for name, response in cut["columns"] if (cell := row(response)) is not MISSING]


def row_object(row):
    return Object(tuple(row))


def reached(row, path):
    """The cell of an object; dots step inside."""
    for part in path.split("."):
        if not isinstance(row, Object):
            return MISSING
        row = row.get(part)
    return row


def rows_of_objects(rows):
    for row in rows:
        if not isinstance(row, Object) or len({name for name, _ in row.members}) < len(row.members):
            raise Refused("not an object of distinct names")
        yield lambda path, row=row: reached(row, path)


def rows_of_arrays(header, rows, cut):
    """Rows below a header that names a column of the view; of a name that stands twice the first counts.

    Where there are no rows, it may be missing or empty."""
    if header in (MISSING, []) and not rows:
        return
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
        raise Refused("no header")
    if not headings(header, cut):
        raise Refused("no column of the view")
    for row in rows:
        if not isinstance(row, list) or len(row) != len(header):
            raise Refused("not as long as the header")
        yield lambda name, row=row: row[header.index(name)] if name in header else MISSING


def headings(header, cut):
    return [name for name, response in cut["columns"] if response in header]


def rows_of_pairs(rows, cut):
    for row in rows:
        cells = []
        if not isinstance(row, list):
            raise Refused("not an array of pairs")
        for pair in row:
            if not isinstance(pair, Object) or not isinstance(pair.get(cut["name_key"]), str):
                raise Refused("not a pair")
            cells.append((pair.get(cut["name_key"]), pair.get(cut["value_key"])))
        if len({name for name, _ in cells}) < len(cells):
            raise Refused("a name twice")
        yield lambda name, cells=cells: dict(cells).get(name, MISSING)


def rows_in(document, cut):
    """Rows of a JSON document, whatever their form, as functions."""
    rows = at(document, cut["rows"]) if cut["rows"] is not None else [document]
    if not isinstance(rows, list):
        raise Refused("no rows")
    match cut["row"]:
        case "object":
            return rows_of_objects(rows)
        case "header":
            return rows_of_arrays(at(document, cut["header"]), rows, cut)
        case "first":
            return rows_of_arrays(rows[0] if rows else None, rows[1:], cut)
        case "pairs":
            return rows_of_pairs(rows, cut)


def at(document, pointer):
    for part in pointer.split("/")[1:]:
        document = document.get(part) if isinstance(document, Object) else MISSING
    return document


def same_json(document, cut):
    """The document with its rows, `also`, `keep` and what stands around them, and nothing else."""
    own = list(own_rows(rows_in(document, cut), cut))

    def rows(value):
        match cut["row"]:
            case "object":
                return [row_object(row) for row in own]
            case "first":
                return [headings(value[0], cut)] + [[cell for _, cell in row] for row in own]
            case "header":
                return [[cell for _, cell in row] for row in own]
            case "pairs":
                keys = (cut["name_key"], cut["value_key"])
                return [[Object(((keys[0], name), (keys[1], cell))) for name, cell in row] for row in own]

    targets = [cut["rows"], cut.get("header"), *cut["also"], *cut["keep"]]

    def walk(value, place):
        if place == cut["rows"]:
            return rows(value)
        if place == cut.get("header"):
            return headings(value, cut)
        if place in cut["also"] and value not in (None, []):
            (cells,) = rows_of_objects([value])
            found = ((name, cells(response)) for name, response in cut["columns"])
            return Object(tuple((name, cell) for name, cell in found if cell is not MISSING))
        if place in cut["also"] or place in cut["keep"]:
            return value
        if isinstance(value, Object) and any(target and target.startswith(place + "/") for target in targets):
            members = ((name, walk(inside, f"{place}/{name}")) for name, inside in value.members)
            return Object(tuple((name, inside) for name, inside in members if inside is not MISSING))
        return MISSING

    if isinstance(document, Object) and len({name for name, _ in document.members}) < len(document.members):
        raise Refused("a name twice")
    return walk(document, "")


# Outputs: what rows must leave as, and how an output is read.


def as_table(rows, cut):
    """Rows as CSV has them; what is not a scalar is JSON text."""
    def cell(value):
        match value:
            case None:
                return ""
            case _ if value is MISSING:
                return ""
            case bool():
                return "true" if value else "false"
            case Number(text):
                return text
            case str():
                # CSV cannot say half a character.
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            case _:
                return value

    names = [name for name, _ in cut["columns"]]
    return [names] + [[cell(dict(row).get(name, MISSING)) for name in names] for row in rows]


def read_csv(delimiter):
    def read(out):
        return list(filter(None, csv.reader(io.StringIO(out.decode("utf-8"), newline=""), delimiter=delimiter, strict=True)))

    return read


def read_lines(out):
    assert out == b"" or out.endswith(b"\n"), "a line is not ended"
    return [parsed(line) for line in out.split(b"\n")[:-1]]


def same(found, expected):
    """Equal; where CSV has a text and a value was expected, the text is its JSON."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, str) and isinstance(expected, (list, Object)):
        return parsed(found.encode()) == expected
    return type(found) is type(expected) and found == expected


def delivered(rows_of, cut):
    """`expect` and `read` for rows that leave as `output` without their envelope; `rows_of` finds them in a body."""
    match cut["output"]:
        case "csv":
            return lambda body: as_table(own_rows(rows_of(body), cut), cut), read_csv(",")
        case "ndjson":
            return lambda body: list(map(row_object, own_rows(rows_of(body), cut))), read_lines
        case "json":
            return lambda body: list(map(row_object, own_rows(rows_of(body), cut))), parsed


# The forms.


def columns(chance, nested=False):
    """A view and the names of the backend's other columns."""
    names = chance.sample([name for name in NAMES if name and "." not in name], chance.randrange(2, 9))
    granted = [(f"c{nth}", name) for nth, name in enumerate(names[: chance.randrange(1, len(names))])]
    if nested:
        granted += [(f"n{nth}", f"in.{name}") for nth, name in enumerate(chance.sample(["a", "b", "h"], chance.randrange(3)))]
    chance.shuffle(granted)
    return granted, [name for name in names if name not in dict(granted).values()]


def table(chance, granted, hidden):
    """A header of some of these names, perhaps one of them twice, and rows below it."""
    names = [response for _, response in granted if chance.random() < 0.9] + hidden
    if not any(response in names for _, response in granted):
        names.append(granted[0][1])
    if chance.random() < 0.2:
        names.append(chance.choice(names))
    chance.shuffle(names)
    return names, [[value(chance) for _ in names] for _ in range(chance.randrange(6))]


def row(chance, granted, hidden):
    """An object of some of these columns; dots make objects inside."""
    members = {}
    for path in [response for _, response in granted] + hidden:
        if chance.random() < 0.85:
            outer, _, inner = path.partition(".")
            if inner:
                members.setdefault(outer, []).append((inner, value(chance, 2)))
            else:
                members[outer] = value(chance)
    if "in" in members:
        members["in"] = Object(tuple(members["in"])) if chance.random() < 0.9 else scalar(chance)
    members = list(members.items())
    chance.shuffle(members)
    return Object(tuple(members))


def envelope(chance, cut, inside):
    """A document with these targets at their places, and other members around them."""
    members = []
    for name, found in inside.items():
        head, _, rest = name[1:].partition("/")
        if rest:
            around = [(other, value(chance, 1)) for other in chance.sample(NAMES, chance.randrange(3))]
            around.insert(chance.randrange(len(around) + 1), (rest, found))
            found = Object(tuple(around))
        members.append((head, found))
    members += [(f"other {name}", value(chance)) for name in chance.sample(NAMES, chance.randrange(4))]
    chance.shuffle(members)
    return Object(tuple(members))


def json_cut(chance, **keys):
    cut = {"format": "json", "rows": "/rows", "row": "object", "also": [], "keep": []}
    if chance.random() < 0.3:
        cut["keep"] = ["/page"]
    return {**cut, **keys}


def siblings(chance, cut):
    return {place: value(chance) for place in cut["keep"]}


def json_objects(chance):
    while True:
        granted, hidden = columns(chance, nested=True)
        cut = json_cut(chance, columns=granted, rows=chance.choice(["", "", "/rows", "/data/rows"]))
        rows = [row(chance, granted, hidden) for _ in range(chance.randrange(6))]
        if cut["rows"] == "":
            cut["keep"], document = [], rows
        else:
            inside = {cut["rows"]: rows, **siblings(chance, cut)}
            if chance.random() < 0.3:
                cut["also"] = ["/totals"]
                inside["/totals"] = row(chance, granted, hidden)
            document = envelope(chance, cut, inside)
        yield Case(cut, written(chance, document).encode(), lambda body, cut=cut: same_json(parsed(body), cut), parsed)


def json_arrays(chance):
    while True:
        granted, hidden = columns(chance)
        names, rows = table(chance, granted, hidden)
        if chance.random() < 0.3:
            cut = json_cut(chance, columns=granted, rows="", row="first", keep=[])
            document = [names, *rows]
        else:
            header = chance.choice(["/columns", "/meta/columns"])
            cut = json_cut(chance, columns=granted, row="header", header=header)
            document = envelope(chance, cut, {cut["rows"]: rows, header: names, **siblings(chance, cut)})
        yield Case(cut, written(chance, document).encode(), lambda body, cut=cut: same_json(parsed(body), cut), parsed)


def csv_text(chance, names, rows, delimiter):
    """CSV as some program might write it."""
    end = chance.choice(["\n", "\r\n"])

    def cell(value):
        quoted = any(c in value for c in (delimiter, '"', "\r", "\n")) or chance.random() < 0.2
        return '"' + value.replace('"', '""') + '"' if quoted else value

    lines = [delimiter.join(map(cell, line)) for line in [names, *rows]]
    if len(names) == 1:
        # A blank line would be read as none.
        lines = [line or '""' for line in lines]
    return chance.choice(["", "", "\ufeff"]) + end.join(lines) + chance.choice(["", end, end])


def csv_rows(body, delimiter):
    """The lines of a CSV, all as long as the first; no line begins with nothing but its end."""
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")
        lines = list(filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(str(error)) from error
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise Refused("ragged")
    return lines[0], lines[1:]


def csv_case(chance, repeats=False):
    """How a CSV is cut, and its body, in which the header line may come again."""
    granted, hidden = columns(chance)
    names, _ = table(chance, granted, hidden)
    delimiter = chance.choice(",,,;\t|")
    rows = [[text(chance).replace("\ud800", "") for _ in names] for _ in range(chance.randrange(6))]
    if repeats and len(names) > 1:
        rows.insert(chance.randrange(len(rows) + 1), names)
    return {"format": "csv", "delimiter": delimiter, "columns": granted}, csv_text(chance, names, rows, delimiter).encode()


def csv_same(chance):
    while True:
        cut, body = csv_case(chance)

        def expect(body, cut=cut):
            header, rows = csv_rows(body, cut["delimiter"])
            return as_table(own_rows(rows_of_arrays(header, rows, cut), cut), cut)

        yield Case(cut, body, expect, read_csv(cut["delimiter"]))


def json_pairs(chance):
    while True:
        granted, hidden = columns(chance)
        keys = {"name_key": chance.choice(["name", "k"]), "value_key": chance.choice(["value", "v"])}
        cut = json_cut(chance, columns=granted, row="pairs", **keys)

        def pair(name, cell):
            members = [(keys["name_key"], name), (keys["value_key"], cell)]
            members += [("unit", text(chance))] if chance.random() < 0.2 else []
            return Object(tuple(chance.sample(members, len(members))))

        rows = [
            [pair(name, cell) for name, cell in row(chance, granted, hidden).members]
            for _ in range(chance.randrange(6))
        ]
        document = envelope(chance, cut, {cut["rows"]: rows, **siblings(chance, cut)})
        yield Case(cut, written(chance, document).encode(), lambda body, cut=cut: same_json(parsed(body), cut), parsed)


def json_delivered(chance):
    """Every form of JSON rows, in the outputs that have no envelope; some with rows of others."""
    sources = [json_objects(chance), json_arrays(chance), json_pairs(chance)]
    while True:
        source = next(chance.choice(sources))
        cut = {**source.cut, "output": chance.choice(["json", "ndjson", "csv"]), "shape": "bare"}
        expect, read = delivered(lambda body, cut=cut: rows_in(parsed(body), cut), cut)
        yield Case(cut, source.body, expect, read)


def json_documents(chance):
    """Several documents, each with rows of any form or itself a row."""
    while True:
        granted, hidden = columns(chance, nested=True)
        cut = json_cut(chance, columns=granted, rows=chance.choice([None, "/rows"]), keep=[])
        cut.update(format="ndjson", shape="bare", output=chance.choice(["json", "ndjson", "csv"]))
        documents = []
        for _ in range(chance.randrange(1, 6)):
            document = row(chance, granted, hidden)
            if cut["rows"] is not None:
                rows = [row(chance, granted, hidden) for _ in range(chance.randrange(4))]
                document = envelope(chance, cut, {cut["rows"]: rows})
            documents.append(written(chance, document))

        def rows_of(body, cut=cut):
            for document in documents_in(body):
                yield from rows_in(document, cut)

        yield Case(cut, chance.choice(["", "\n", "\r\n"]).join(documents).encode(), *delivered(rows_of, cut))


def documents_in(body):
    """The JSON documents of a body, one behind the other."""
    def refuse(word):
        raise Refused(word)

    decoder = json.JSONDecoder(
        object_pairs_hook=lambda members: Object(tuple(members)), parse_int=Number, parse_float=Number, parse_constant=refuse
    )
    try:
        text = body.decode("utf-8").removeprefix("\ufeff").strip(" \t\r\n")
        if not text:
            raise Refused("no document")
        while text:
            document, end = decoder.raw_decode(text)
            yield document
            text = text[end:].lstrip(" \t\r\n")
    except ValueError as error:
        raise Refused(str(error)) from error


def json_scoped(chance):
    """Rows of several holders, told by a column."""
    while True:
        granted, hidden = columns(chance)
        cut = json_cut(chance, columns=granted, rows="", keep=[], scope_column="owner")
        cut.update(own=["17", "ab"][: chance.randrange(1, 3)], shape="bare", output=chance.choice(["json", "ndjson", "csv"]))
        cut["on_foreign_row"] = chance.choice(["refuse", "drop", "drop"])
        owners = [Number("17"), "17", "ab"]
        if cut["on_foreign_row"] == "drop" or chance.random() < 0.3:
            owners += [Number("18"), Number("17.0"), "AB", " ab", "", None, True, [Number("17")]]
        owned = [
            Object((*row(chance, granted, hidden).members, ("owner", chance.choice(owners)))) for _ in range(chance.randrange(6))
        ]
        expect, read = delivered(lambda body, cut=cut: rows_in(parsed(body), cut), cut)
        yield Case(cut, written(chance, owned).encode(), expect, read, sound=cut["on_foreign_row"] == "drop")


def csv_delivered(chance):
    while True:
        cut, body = csv_case(chance, repeats=chance.random() < 0.2)
        cut["output"] = chance.choice(["json", "ndjson", "csv"])

        def rows_of(body, cut=cut):
            header, rows = csv_rows(body, cut["delimiter"])
            return rows_of_arrays(header, [row for row in rows if row != header or len(header) == 1], cut)

        expect, read = delivered(rows_of, cut)
        yield Case(cut, body, expect, read if cut["output"] != "csv" else read_csv(cut["delimiter"]))


XML_NAMES = ["id", "click", "email", "Cost", "Id", "idd", "row", "x-y", "p_q"]


def xml_text(chance):
    return text(chance).translate({c: None for c in [0, 0x1F, 0x7F, 0xD800]})


def xml_rows(chance):
    """Attributes and child elements as columns, in every output but XML itself."""
    while True:
        names = chance.sample(XML_NAMES, chance.randrange(2, 8))
        granted = [(f"c{nth}", name) for nth, name in enumerate(names[: chance.randrange(1, len(names))])]
        cut = {"format": "xml", "rows": "/set/rows/row", "columns": granted, "output": chance.choice(["json", "ndjson", "csv"])}
        root = ElementTree.Element("set")
        ElementTree.SubElement(root, "other", {"id": xml_text(chance)}).text = xml_text(chance)
        rows = ElementTree.SubElement(root, "rows")
        for _ in range(chance.randrange(6)):
            element = ElementTree.SubElement(rows, chance.choice(["row", "row", "row", "raw"]))
            for name in chance.sample(names, len(names)):
                match chance.randrange(4):
                    case 0:
                        element.set(name, xml_text(chance))
                    case 1 | 2:
                        ElementTree.SubElement(element, name).text = xml_text(chance)
        body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=chance.random() < 0.5, short_empty_elements=chance.random() < 0.5)

        def rows_of(body):
            try:
                root = ElementTree.fromstring(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
            except (ElementTree.ParseError, ValueError) as error:
                raise Refused(str(error)) from error
            if root.tag != "set" or root.find("rows") is None:
                raise Refused("no rows")
            for element in root.findall("rows/row"):
                cells = {**element.attrib, **{child.tag: child.text or "" for child in element}}
                yield lambda name, cells=cells: cells.get(name, MISSING)

        yield Case(cut, body, *delivered(rows_of, cut))


FORMS = {
    "json-objects": json_objects,
    "json-arrays": json_arrays,
    "csv": csv_same,
    "json-pairs": json_pairs,
    "json-delivered": json_delivered,
    "json-documents": json_documents,
    "json-scoped": json_scoped,
    "csv-delivered": csv_delivered,
    "xml": xml_rows,
}


def damaged(chance, case):
    """One byte more, less or other, or an end too early: it may leave only if Python reads it, and as Python does."""
    body = bytearray(case.body)
    place = chance.randrange(len(body) + 1)
    kind = chance.randrange(4)
    if kind == 0:
        del body[place:]
    elif kind == 1 and body:
        del body[place % len(body)]
    else:
        byte = chance.choice(b'{}[]:,"\\/0-1.eEtu \n\r\t;|\x00\x1f\x80\xe9\xff')
        body[place : place + kind - 2] = [byte]
    return Case(case.cut, bytes(body), case.expect, case.read, sound=False)


def send(frame):
    sys.stdout.buffer.write(struct.pack(">I", len(frame)) + frame)


def receive():
    (length,) = struct.unpack(">I", sys.stdin.buffer.read(4))
    return sys.stdin.buffer.read(length)


def judged(case, reply):
    """What is wrong with a reply; nothing when all is well."""
    try:
        expected = case.expect(case.body)
    except Refused as refused:
        return None if reply[:1] == b"-" and not case.sound else f"Python refuses it: {refused}"
    if reply[:1] == b"-":
        return f"expected {expected}" if case.sound else None
    try:
        found = case.read(reply[1:])
    except (Refused, ValueError, csv.Error) as error:
        return f"the output cannot be read: {error}"
    return None if same(found, expected) else f"expected {expected}"


def main(seed, count, forms):
    chance = random.Random(int(seed))
    generators = [(name, FORMS[name](chance)) for name in forms or FORMS]
    wrong = 0
    tally = {}
    for nth in range(int(count)):
        form, cases = generators[nth % len(generators)]
        case = next(cases)
        if chance.random() < 0.3:
            case = damaged(chance, case)
        cuts = [chance.randrange(len(case.body) + 1) for _ in range(chance.choice([0, 1, 2, 8]))]
        send(json.dumps({**case.cut, "cuts": sorted(cuts)}).encode())
        send(case.body)
        sys.stdout.buffer.flush()
        reply = receive()
        tally[form, reply[:1]] = tally.get((form, reply[:1]), 0) + 1
        if problem := judged(case, reply):
            wrong += 1
            if wrong <= 5:
                print(f"{form}, case {nth}: {json.dumps(case.cut)}\n  {case.body}\n  gave {reply}\n  {problem}", file=sys.stderr)
    for (form, sign), times in sorted(tally.items()):
        print(f"{form}: {times} {'left' if sign == b'+' else 'were refused'}", file=sys.stderr)
    sys.exit(f"{wrong} of {count} are cut otherwise than by Python" if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
