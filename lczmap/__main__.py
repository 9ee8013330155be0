"""`python -m lczmap` is the command line."""

from lczmap.cli.main import main

main()
