"""Aggregate the updates of a task. The same as ``fl-chain aggregator run``."""

import sys

from fl_chain.cli.main import main

if __name__ == "__main__":
    main(["aggregator", "run", *sys.argv[1:]])
