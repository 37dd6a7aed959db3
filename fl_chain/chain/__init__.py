"""Records to contract calls and back from event logs."""

import sys

_RECURSION_LIMIT = sys.getrecursionlimit()

# eth-account imports py_ecc, which raises the limit to 100,000. At that depth a hostile node's
# nested JSON overflows the C stack and kills the process, where a RecursionError belongs.
import eth_account  # noqa: E402, F401

sys.setrecursionlimit(_RECURSION_LIMIT)
