"""The dictionary says what a table is made from, what reads it, and who makes it."""

from __future__ import annotations

from conf.tables import load_tables, table_of
from jobs.lakehouse import dictionary


def _entry(name: str) -> str:
    page = dictionary.render_dictionary()[f"{name.split('.')[0]}.md"]
    return next(part for part in page.split("\n## ") if part.startswith(f"{name}\n"))


def test_query_over_feeds_and_tables_is_made_from_their_tables():
    sources = dictionary.made_from(load_tables())

    assert sources["silver.usage_daily"] == (
        "bronze.cdr_gprs",
        "bronze.cdr_sms",
        "bronze.cdr_voice",
        "bronze.mms_event",
    )
    assert sources["gold.lifecycle_state"] == ("gold.customer_360", "gold.customer_score")


def test_entry_links_both_ways_and_names_the_maker():
    assert "- **Made from**: [bronze.payment](bronze.md#bronzepayment)\n" in _entry("silver.payment")
    assert "- **Read by the queries of**: [silver.payment](silver.md#silverpayment)\n" in _entry("bronze.payment")
    assert "- **Made by**: query `sql/silver/payment.sql`" in _entry("silver.payment")
    assert "- **Made by**: feed `conf/feeds/payment.yaml`" in _entry("bronze.payment")


def test_every_table_has_its_entry():
    entries = {name for name in load_tables() if f"\n## {name}\n" in "".join(dictionary.render_dictionary().values())}

    assert entries == set(load_tables())


def test_contract_that_names_stage_and_maker_is_shown_with_both():
    class Named:
        """A contract as it stands, with stage and maker named."""

        stage, made_by = "customer_view", "jobs.view.job:build"

        def __getattr__(self, name: str) -> object:
            return getattr(table_of("gold.customer_360"), name)

    assert dictionary._maker(Named()) == "`jobs.view.job:build`, in stage `customer_view`"


def test_page_of_a_layer_that_is_gone_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(dictionary, "PAGES", tmp_path)
    (tmp_path / "mart.md").write_text("old", encoding="utf-8")
    assert dictionary.is_stale()

    dictionary.write_dictionary()

    assert not (tmp_path / "mart.md").exists()
    assert not dictionary.is_stale()
