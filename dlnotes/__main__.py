"""`python -m dlnotes` is `dlnotes`."""

import sys

from dlnotes.cli import main

sys.exit(main())
