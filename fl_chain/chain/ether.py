"""Money in the unit that people think in: nobody counts the zeros of 10^18 wei."""

from __future__ import annotations

WEI_PER_ETHER = 10**18
_WEI_PER_STEP = 10**12
"""Six decimals of an ether: smaller amounts are dust, and written in wei."""


def format_ether(wei: int, *, round_up: bool = False) -> str:
    """Return an amount in words, to six decimals of an ether, or in wei if it is less than one.

    Parameters
    ----------
    wei
        At least 0.
    round_up
        For what is needed; what is there is rounded down, so that the smaller one always reads so.

    Examples
    --------
    >>> format_ether(10**19), format_ether(1_234_567 * 10**11), format_ether(0)
    ('10 ether', '0.123456 ether', '0 ether')
    >>> format_ether(1_234_567 * 10**11, round_up=True), format_ether(999)
    ('0.123457 ether', '999 wei')
    """
    if 0 < wei < _WEI_PER_STEP:
        return f"{wei} wei"
    steps = -(-wei // _WEI_PER_STEP) if round_up else wei // _WEI_PER_STEP
    whole, rest = divmod(steps, WEI_PER_ETHER // _WEI_PER_STEP)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".") + " ether"
