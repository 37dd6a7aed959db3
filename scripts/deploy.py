"""Create a task: the same as ``fl-chain task create``."""

import sys

from fl_chain.cli.main import main

if __name__ == "__main__":
    main(["task", "create", *sys.argv[1:]])
