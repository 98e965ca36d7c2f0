"""Weekly care of the tables: compaction and retention."""
