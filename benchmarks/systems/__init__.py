"""The systems that are measured, each with its client; one module each, imported where it is measured alone."""
