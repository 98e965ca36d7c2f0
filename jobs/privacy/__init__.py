"""A person's right to be forgotten: who that is, where the values stand, their removal and the proof of it."""
