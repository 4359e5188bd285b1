"""A module of the image that a distribution replaces."""

ORIGIN = "image"
