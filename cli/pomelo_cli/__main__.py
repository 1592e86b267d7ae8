"""`python -m pomelo_cli`."""

import sys

from pomelo_cli.main import main

sys.exit(main())
