"""Business rules as functions that return a Column: one subject a file, no input or output, nothing of storage."""
