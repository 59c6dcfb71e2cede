"""`python -m etlmon` is the command `etlmon`."""

import sys

from etlmon.cli import main

if __name__ == "__main__":
    sys.exit(main())
