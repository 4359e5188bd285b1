"""`python -m flytewarm.cli`."""

import sys

from flytewarm.cli import main

sys.exit(main())
