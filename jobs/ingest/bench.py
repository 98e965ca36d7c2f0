"""How fast ingest is: the whole job on one big file of each kind, beside DuckDB doing the parse, the checks and the write.

Ingest does more than its peer: SHA-256 and counts of the file, tokens, vault, exact copies, balances, a Delta commit.
"""

from __future__ import annotations

import codecs
import json
import logging
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import typer

from conf.dates import DateRange
from conf.feeds import load_feeds
from conf.settings import Settings, load_settings
from jobs.ingest.chunks import chunks_of
from jobs.ingest.job import run
from jobs.ingest.parse import parse_chunk
from jobs.people.tokens import Tokenizer

DAY = date(2026, 3, 10)
CONTROL_WIDTHS = (40, 20, 20, 8, 14)
FEE, TONE = "s_13100_20260310_13203_00", "s_13100_20260310_VGOP-R1.6-15202_00"
FEE_ROWS = """
SELECT printf('%08d', i + 1) || '01' || rpad(printf('F%09d', i), 10, ' ') || rpad(printf('138%08d', hash(i) % {people}), 15, ' ')
    || '6001    1600926' || CASE WHEN i % 400 = 7 THEN '1' ELSE '2' END || rpad(CAST(i % 900 AS VARCHAR), 7, ' ')
    || CASE WHEN i % 400 = 7 THEN '20260230101010' ELSE strftime(TIMESTAMP '2026-03-10' + to_seconds(i % 86400), '%Y%m%d%H%M%S') END
    || rpad('500', 7, ' ') || rpad('ring.wav', 20, ' ') || '202603100815' || '     '
FROM range({rows}) AS numbers(i)
"""
TONE_ROWS = """
SELECT concat_ws(chr(31), CAST(i + 1 AS VARCHAR), printf('138%08d', hash(i) % {people}), printf('T%06d', i % 5000), '一個人的歌' || i % 97, '億哥',
    'POP', CASE WHEN i % 400 = 7 THEN 'PLAY' ELSE 'DOWNLOAD' END,
    strftime(TIMESTAMP '2026-03-10' + to_seconds(i % 86400), '%Y%m%d%H%M%S'), CAST(i % 300 AS VARCHAR), 'WAP', '')
FROM range({rows}) AS numbers(i)
"""
FEE_PEER = """
CREATE OR REPLACE TEMP TABLE parsed AS SELECT *, CASE WHEN length(line) <> 116 THEN 'RECORD_LENGTH'
    WHEN msisdn = '' OR fee_id = '' THEN 'REQUIRED_MISSING' WHEN fee IS NULL THEN 'BAD_NUMBER' WHEN start IS NULL THEN 'BAD_DATE' END AS rule
FROM (SELECT line, trim(substr(line, 11, 10)) AS fee_id, trim(substr(line, 21, 15)) AS msisdn, trim(substr(line, 36, 8)) AS service,
    trim(substr(line, 44, 1)) AS user_type, trim(substr(line, 45, 6)) AS sp, trim(substr(line, 51, 1)) AS fee_type,
    try_cast(trim(substr(line, 52, 7)) AS BIGINT) AS fee, try_strptime(substr(line, 59, 14), '%Y%m%d%H%M%S') AS start,
    try_cast(trim(substr(line, 73, 7)) AS BIGINT) AS original, trim(substr(line, 80, 20)) AS file, trim(substr(line, 100, 12)) AS deal
    FROM read_csv('{data}', columns = {{'line': 'VARCHAR'}}, delim = '\\0', quote = '', escape = '', header = false, auto_detect = false))
"""
TONE_PEER = """
CREATE OR REPLACE TEMP TABLE parsed AS SELECT *, CASE WHEN msisdn IS NULL OR tone IS NULL THEN 'REQUIRED_MISSING'
    WHEN action NOT IN ('DOWNLOAD', 'GIFT', 'COPY', 'SET', 'GROUP_SET', 'MUSIC_BOX', 'DELETE') THEN 'NOT_ALLOWED'
    WHEN at_time IS NULL THEN 'BAD_DATE' WHEN price IS NULL THEN 'BAD_NUMBER' END AS rule
FROM (SELECT msisdn, tone, name, singer, category, action, try_strptime(at_text, '%Y%m%d%H%M%S') AS at_time, try_cast(price AS BIGINT) AS price, source, other
    FROM read_csv('{data}', columns = {{'n': 'VARCHAR', 'msisdn': 'VARCHAR', 'tone': 'VARCHAR', 'name': 'VARCHAR', 'singer': 'VARCHAR',
    'category': 'VARCHAR', 'action': 'VARCHAR', 'at_text': 'VARCHAR', 'price': 'VARCHAR', 'source': 'VARCHAR', 'other': 'VARCHAR'}},
    delim = '|', quote = '', escape = '', header = false, auto_detect = false))
"""


def bench_ingest(rows: int = 1_000_000) -> dict[str, Any]:
    """CPU and wall seconds of T1 (fixed width) and T2 (0x80 in code page 936) by ingest and by DuckDB, second run each."""
    codecs.register_error("separator", lambda error: ("|", error.end))  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory(prefix="closedloop-bench-") as folder:
        settings = load_settings(home=folder)
        landing = settings.path("landing", "vas")
        landing.mkdir(parents=True)
        fees = _write_fees(landing, rows)
        tones = _write_tones(landing, rows // 10)
        return {
            "T1_fixed_width": _compare(settings, "crbt_fee", fees, rows, FEE_PEER),
            "T2_euro_gbk": _compare(settings, "crbt_tone_event", tones, rows // 10, TONE_PEER),
        }


def _write_fees(landing: Path, rows: int) -> Path:
    path = landing / f"{FEE}_001.dat"
    _lines(FEE_ROWS.format(rows=rows, people=rows // 5 + 1), path, "\r\n")
    cells = (path.name, str(path.stat().st_size), str(rows), "20260310", "20260311025500")
    line = "".join(cell.ljust(width) for cell, width in zip(cells, CONTROL_WIDTHS, strict=True))
    (landing / f"{FEE}.verf").write_bytes(line.encode() + b"\r\n")
    return path


def _write_tones(landing: Path, rows: int) -> Path:
    path = landing / f"{TONE}_001.dat"
    _lines(TONE_ROWS.format(rows=rows, people=rows // 5 + 1), path, "\n")
    path.write_bytes(path.read_text(encoding="utf-8").encode("gbk").replace(b"\x1f", b"\x80"))
    cells = (path.name, str(path.stat().st_size), str(rows), "20260310", "20260311025500")
    (landing / f"{TONE}.verf").write_bytes(b"\x80".join(cell.encode() for cell in cells) + b"\r\n")
    return path


def _lines(query: str, path: Path, line_end: str) -> None:
    with duckdb.connect() as connection, path.open("w", encoding="utf-8", newline="") as file:
        connection.execute("SET enable_progress_bar = false")
        result = connection.execute(query)
        while batch := result.fetchmany(100_000):
            file.writelines(line + line_end for (line,) in batch)


def _compare(settings: Settings, feed: str, data: Path, rows: int, peer: str) -> dict[str, Any]:
    contract, tokenizer = load_feeds()[feed], Tokenizer.of(settings)

    def parse_only() -> None:
        for chunk in chunks_of([data]):
            parse_chunk(contract, chunk, tokenizer, settings.time_zone)

    ours = _second_run(lambda: run(settings, DateRange.of(DAY), [feed]))
    theirs = _second_run(lambda: _duckdb(data, peer, settings.path("peer")))
    parse = _second_run(parse_only)
    return {
        "rows": rows,
        "ingest": ours,
        "duckdb": theirs,
        "parse_rows_per_cpu_second": round(rows / parse["cpu_s"]),
        "ingest_rows_per_cpu_second": round(rows / ours["cpu_s"]),
        "cpu_over_duckdb": round(ours["cpu_s"] / theirs["cpu_s"], 2),
    }


def _duckdb(data: Path, peer: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    readable = data
    if (
        peer is TONE_PEER
    ):  # DuckDB reads UTF-8 only: every separator goes through an error handler, as it is no character
        readable = folder / "tones.txt"
        readable.write_text(data.read_bytes().decode("gbk", "separator"), encoding="utf-8", newline="")
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET enable_progress_bar = false")
        connection.execute(peer.format(data=readable))
        connection.execute(f"COPY (SELECT * FROM parsed WHERE rule IS NULL) TO '{folder}/good.parquet'")
        connection.execute(f"COPY (SELECT * FROM parsed WHERE rule IS NOT NULL) TO '{folder}/bad.parquet'")


def _second_run(work: Callable[[], object]) -> dict[str, float]:
    work()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}


def main(rows: int = 1_000_000) -> None:
    """Print the comparison as JSON; `--rows` sets the size of T1, T2 has a tenth."""
    logging.disable(logging.WARNING)  # alerts about feeds the bench does not deliver
    typer.echo(json.dumps(bench_ingest(rows), indent=2))


if __name__ == "__main__":
    typer.run(main)
