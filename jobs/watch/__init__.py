"""Compares what is published with the clock and the machine with what the night needs; asks nothing that the pipeline runs on."""
