"""The dictionary says what a table is made from, what reads it, and who makes it."""

from __future__ import annotations

import pytest

from conf.tables import load_tables
from jobs.lakehouse import dictionary


def _entry(name: str) -> str:
    page = dictionary.render_dictionary()[f"{name.split('.')[0]}.md"]
    return next(part for part in page.split("\n## ") if part.startswith(f"{name}\n"))


def test_table_is_made_from_feeds_tables_and_what_its_helper_queries_read():
    sources = dictionary.made_from()

    feeds = ("bronze.cdr_gprs", "bronze.cdr_sms", "bronze.cdr_voice", "bronze.mms_event")
    assert sources["silver.usage_daily"] == (*feeds, "silver.msisdn_assignment")
    assert sources["gold.lifecycle_state"] == ("gold.customer_360", "gold.customer_score")
    assert {"gold.campaign_standing", "gold.contact_history"} <= set(sources["rpt.campaign_funnel"])


def test_entry_links_both_ways_and_names_the_maker():
    assert "- **Made from**: [bronze.payment](bronze.md#bronzepayment)\n" in _entry("silver.payment")
    assert "- **Read by**: [silver.payment](silver.md#silverpayment)\n" in _entry("bronze.payment")


@pytest.mark.parametrize(
    ("table", "maker"),
    [
        ("silver.payment", "query `sql/silver/payment.sql`, in stage `ingest` (job `conform`)"),
        ("bronze.payment", "feed `conf/feeds/payment.yaml`, by `jobs.ingest.job:run`, in stage `ingest`"),
        (
            "gold.suppression",
            "query `sql/gold/suppression.sql` with `sql/work/owners.sql`, `sql/work/protections.sql`, in stage `customer_view` (job `respond`)",
        ),
        ("gold.customer_360", "`jobs.view.assemble:customer_360`, in stage `customer_view` (job `view`)"),
        ("ops.published", "`jobs.lakehouse.published:publish`"),
    ],
)
def test_entry_names_the_maker(table, maker):
    assert f"- **Made by**: {maker}\n" in _entry(table)


def test_every_table_has_its_entry():
    entries = {name for name in load_tables() if f"\n## {name}\n" in "".join(dictionary.render_dictionary().values())}

    assert entries == set(load_tables())


def test_page_of_a_layer_that_is_gone_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(dictionary, "PAGES", tmp_path)
    (tmp_path / "mart.md").write_text("old", encoding="utf-8")
    assert dictionary.is_stale()

    dictionary.write_dictionary()

    assert not (tmp_path / "mart.md").exists()
    assert not dictionary.is_stale()
