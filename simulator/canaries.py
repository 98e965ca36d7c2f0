"""Every personal value the operator ever handed out: none of them may appear outside landing, vault and exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from conf.files import write_whole
from simulator.facts import Facts
from simulator.identity import other_province_numbers
from simulator.masters import managers
from simulator.service import remark_numbers
from simulator.state import State
from simulator.world import NORMAL


def save_canaries(home: Path, state: State, identity: pl.DataFrame, facts: Facts) -> None:
    """Write answer_key/canaries.txt: numbers (those named in remarks too), names, identity numbers and addresses, one a line, each once."""
    contacts = np.flatnonzero(state.kind == NORMAL)
    values = pl.concat(
        [
            pl.Series(np.unique(state.msisdn)).cast(pl.String),
            pl.Series(other_province_numbers(contacts[:2_000], facts)).cast(pl.String),
            pl.Series(remark_numbers(contacts, facts)).cast(pl.String),
            managers(state, facts)["manager_name"],
            identity["cust_name"],
            identity["id_number"],
            identity["contact_address"],
            identity["home_address"],
        ]
    ).unique(maintain_order=True)
    write_whole(Path(home) / "answer_key" / "canaries.txt", "\n".join(values.to_list()) + "\n")
