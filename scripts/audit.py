"""Audit a task from chain and IPFS. The same as ``fl-chain audit run``."""

import sys

from fl_chain.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["audit", "run", *sys.argv[1:]]))
