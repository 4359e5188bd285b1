"""Imports a module that raises."""

import outcomes.raises_at_import  # noqa: F401
