"""`python -m serinus`: the same as the command `serinus`."""

from serinus.cli.main import main

main()
