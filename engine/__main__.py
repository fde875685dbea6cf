"""`python3 -m engine setup | up | down | shell`: what the Makefile and `activate.sh` call."""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - the machine's Python may be any
    sys.exit("python3 is " + sys.version.split()[0] + "; expected 3.9 or newer; to mend it: put a newer one first on PATH")

from engine.command_line import main

sys.exit(main(sys.argv[1:]))
