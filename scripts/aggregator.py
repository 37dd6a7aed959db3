"""Aggregate the updates of a task. The same as ``fl-chain aggregator run``."""

import sys

from fl_chain.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["aggregator", "run", *sys.argv[1:]]))
