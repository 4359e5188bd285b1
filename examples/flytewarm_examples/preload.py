"""Imports every example, so that one `--preload flytewarm_examples.preload` makes all of them warm."""

from flytewarm_examples import arithmetic, failing, fan_out, greeting, lighthouse, parcels, sales, training, words

__all__ = ["arithmetic", "failing", "fan_out", "greeting", "lighthouse", "parcels", "sales", "training", "words"]
