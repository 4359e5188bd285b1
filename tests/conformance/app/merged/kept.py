"""A module of the image that no distribution replaces."""

ORIGIN = "image"
