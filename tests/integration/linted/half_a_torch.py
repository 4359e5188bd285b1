"""Makes flytekit believe that torch is there: it fails after the import, when it looks for what it can convert."""

import sys
import types

sys.modules["torch"] = types.ModuleType("torch")
