"""What became of a delivered file, as ops.file_ledger says it (words of its contract)."""

from __future__ import annotations

LANDED, DUPLICATE_COPY, REJECTED, SUPERSEDED = "LANDED", "DUPLICATE_COPY", "REJECTED", "SUPERSEDED"
LOADED = (LANDED, SUPERSEDED)  # its rows are in bronze
