"""Run the command line as ``python -m wemix_ref``."""

import sys

from wemix_ref.cli import main

sys.exit(main())
