"""Session, read, write, publish: the only code that touches tables on disk."""
