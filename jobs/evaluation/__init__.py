"""Evaluation: what the campaigns did, as report tables and one readable page a night."""
