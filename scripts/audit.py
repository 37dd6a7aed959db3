"""Audit a task from chain and IPFS. The same as ``fl-chain audit run``."""

import sys

from fl_chain.cli.main import main

if __name__ == "__main__":
    main(["audit", "run", *sys.argv[1:]])
