"""Suites of rules as data, one a table, and the gate that runs them; the only importer of Great Expectations."""
