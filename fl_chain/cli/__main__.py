"""``python -m fl_chain.cli`` is ``fl-chain``."""

from fl_chain.cli.main import main

if __name__ == "__main__":
    main()
