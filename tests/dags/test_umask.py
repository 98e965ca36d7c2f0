"""A task writes for nobody else, whatever umask Airflow was started with."""

from __future__ import annotations

import importlib
import os

import pytest


@pytest.mark.parametrize(("given", "left"), [(0o022, 0o027), (0o077, 0o077)])
def test_dag_files_leave_no_bits_for_others(given, left):
    import shared_parts

    before = os.umask(given)
    try:
        importlib.reload(shared_parts)
    finally:
        found = os.umask(before)

    assert found == left
