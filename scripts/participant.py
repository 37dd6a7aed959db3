"""Take part in a task. The same as ``fl-chain participant run``."""

import sys

from fl_chain.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["participant", "run", *sys.argv[1:]]))
