"""Figures beside the comparison; each module has measure(), which returns what it found, ready for JSON."""
