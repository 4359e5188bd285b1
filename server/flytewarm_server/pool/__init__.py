"""Environments, zygotes and workers, and the matching of work to workers."""
