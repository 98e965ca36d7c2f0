"""Proves where personal data is not: looks for every value of the vault in everything a home holds."""
