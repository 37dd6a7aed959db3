"""Create a task: the same as ``fl-chain task create``."""

import sys

from fl_chain.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["task", "create", *sys.argv[1:]]))
