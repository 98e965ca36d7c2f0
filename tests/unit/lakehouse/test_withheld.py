"""Queries leave out the contacts of the same files as the Python that counts caps and budgets, and single withdrawn ones."""

from __future__ import annotations

import re

from conf.reading import ROOT
from conf.tables import table_of
from jobs.lakehouse.withheld import CLOSED, EXPORTED, RECALLED, REFUSED, RELEASING, WITHHELD

QUERIES = [path for folder in ("jobs", "sql") for path in sorted((ROOT / folder).rglob("*.sql"))]
LISTED = re.compile(r"ops\.export_ledger\s+WHERE status IN \(([^)]*)\)")


def test_every_query_on_listed_contacts_leaves_out_what_was_withheld_or_withdrawn():
    readers = [
        path
        for path in QUERIES
        if "gold.campaign_contact" in path.read_text(encoding="utf-8")
        and path.name
        != "wishes.sql"  # asks which product a contact was about; a wish counts whatever became of the list
    ]
    assert len(readers) >= 2, "floor: contact history and export summary"
    for path in readers:
        text = path.read_text(encoding="utf-8")
        (statuses,) = LISTED.findall(text)
        assert set(re.findall(r"'(\w+)'", statuses)) == set(WITHHELD), path
        assert "ops.contact_withdrawal" in text, path


def test_contract_states_every_status_of_a_file():
    assert set(table_of("ops.export_ledger").column("status").values) == {
        RELEASING,
        EXPORTED,
        RECALLED,
        REFUSED,
        CLOSED,
    }
