"""A seeded synthetic operator: writes source extracts, answers exported lists, keeps the planted truth apart from both."""
