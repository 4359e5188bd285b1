"""Runs the examples cold with pyflyte-execute and warm with flytewarm, and compares what comes out."""
