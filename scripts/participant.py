"""Take part in a task. The same as ``fl-chain participant run``."""

import sys

from fl_chain.cli.main import main

if __name__ == "__main__":
    main(["participant", "run", *sys.argv[1:]])
