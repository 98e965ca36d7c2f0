"""Where each table lies, opened by delta-rs or named for Spark; nothing else builds the place of a table."""

from __future__ import annotations

from deltalake import DeltaTable

from conf.places import Place
from conf.settings import Settings


def table_place(settings: Settings, name: str) -> Place:
    """Place of a table, given its full name."""
    layer, short_name = name.split(".")
    return settings.place("lake").join(layer, short_name)


def open_table(settings: Settings, name: str, version: int | None = None) -> DeltaTable:
    """A table at a version, the newest when None."""
    return DeltaTable(table_place(settings, name).for_delta_rs, version=version)


def is_there(settings: Settings, name: str) -> bool:
    """Whether the table has been made."""
    return DeltaTable.is_deltatable(table_place(settings, name).for_delta_rs)
