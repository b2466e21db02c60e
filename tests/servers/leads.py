"""Makes the SQLite file behind Datasette: 5,200 leads of 50 affiliates, 104 of each. Usage: leads.py FILE"""

import sqlite3
import sys

COUNTRIES = ("DE", "FR", "ES")

with sqlite3.connect(sys.argv[1]) as database:
    database.execute(
        "CREATE TABLE leads (lead_id INTEGER PRIMARY KEY, affiliate_id INTEGER, email TEXT,"
        " country TEXT, commission REAL, created_at TEXT, note TEXT)"
    )
    database.executemany(
        "INSERT INTO leads VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                lead,
                1000 + lead % 50,
                f"s3cr3t{lead}@example.test",
                COUNTRIES[lead % 3],
                lead + 0.25,
                f"2026-{1 + lead % 12:02}-{1 + lead % 28:02}",
                None if lead % 7 else 'says "hello, world"',
            )
            for lead in range(1, 5201)
        ),
    )
