"""Erasing a person, and looking for personal data where there should be none."""
