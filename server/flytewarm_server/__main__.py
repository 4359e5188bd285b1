"""`python -m flytewarm_server` is `flytewarm serve` where the client's command line is not installed."""

import sys

from flytewarm_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
