"""Replaces the keys of a home: tokens of every table, seals of the quarantine."""
