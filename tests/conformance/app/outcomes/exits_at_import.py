"""Ends the interpreter when it is imported."""

import sys

sys.exit("not as a module")
