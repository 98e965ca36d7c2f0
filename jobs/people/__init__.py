"""What stands between a person and the tables: canonical numbers, keyed tokens, the vault, sealed records; no stage is known here."""
