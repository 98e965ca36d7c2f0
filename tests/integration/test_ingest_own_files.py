"""The worked example of docs/own-files.md, as a stranger would do it: files elsewhere, a link, one command."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np

from conf.dates import DateRange
from conf.feeds import Feed, load_feeds
from jobs.ingest.chunks import Chunk, Piece
from jobs.ingest.job import run
from jobs.ingest.parse import parse_chunk
from jobs.lakehouse import delta_rs
from jobs.people.tokens import Tokenizer

PAGE = Path(__file__).parents[2] / "docs" / "own-files.md"
DAY = date(2026, 3, 10)


def files_of_the_page() -> dict[str, str]:
    """The example's files, cut out of the page itself."""
    block = PAGE.read_text(encoding="utf-8").split("## Worked example")[1].split("```")[1]
    parts = re.split(r"\$ cat /data/from_billing/(\S+)\n", block)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_worked_example_gives_what_the_page_says(settings, tmp_path):
    outside = tmp_path / "from_billing"
    outside.mkdir()
    for name, content in files_of_the_page().items():
        (outside / name).write_text(content, encoding="ascii", newline="")
    settings.path("landing").mkdir(parents=True)
    settings.path("landing", "billing").symlink_to(outside)
    run(settings, DateRange.of(DAY), ["payment"])
    assert sorted(delta_rs.read(settings, "bronze.payment")["amount_fen"].to_pylist()) == [-3000, 3000]
    (bad,) = delta_rs.read(settings, "ops.quarantine").to_pylist()
    assert (bad["line_number"], bad["rule"], bad["field"]) == (3, "BAD_DATE", "pay_time")
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert bad["reason"].split(": ", 1)[1] in page
    (file,) = delta_rs.read(settings, "ops.file_ledger").to_pylist()
    assert (file["rows_in"], file["rows_good"], file["rows_quarantined"]) == (3, 2, 1)
    assert (file["money_in"], file["money_good"], file["money_quarantined"]) == ("5.00", "0.00", "5.00")


def test_a_contract_changed_to_another_operators_layout_reads_its_lines():
    """UTF-8, a field more, another sentinel: only the contract differs."""
    ours = load_feeds()["payment"].model_dump()
    extra = {"name": "cashier_name", "type": "text", "personal": "name"}
    fields = [{k: v for k, v in field.items() if v not in (None, (), False)} for field in ours["fields"]]
    fields[0]["null_if"] = ["N/A"]
    theirs = Feed.model_validate({**ours, "encoding": "utf-8", "fields": [*fields, extra]})
    content = "N/A$1$20260310100000$50.00$A1$是$U1$王億個\n".encode()
    chunk = Chunk(np.frombuffer(content, np.uint8), [Piece(0, 1, 1)])
    tokenizer = Tokenizer(bytes(32))
    parsed = parse_chunk(theirs, chunk, tokenizer, "Asia/Shanghai")
    row = dict(zip(parsed.names, [column[0].as_py() for column in parsed.columns], strict=True))
    assert parsed.good.tolist() == [True]
    assert (row["channel_id"], row["amount_fen"], row["reversal_flag"]) == (None, 5000, True)
    assert row["cashier_name_token"] == tokenizer.token("NAME", "王億個")
