"""Runs one task cold and warm, and compares what is left behind."""
