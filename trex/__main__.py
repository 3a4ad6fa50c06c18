"""Runs the `trex` command as `python -m trex`."""

from trex.cli import main

main()
