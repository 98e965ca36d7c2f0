"""The command line, a file for each kind of reader; jobs/cli.py joins them."""
