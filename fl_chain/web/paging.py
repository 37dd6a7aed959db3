"""Which part of a long table a page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fl_chain.errors import UsageError

PER_PAGE: Final = 50
MOST_PAGES: Final = 10**6


@dataclass(frozen=True, slots=True)
class Paging:
    """One page of a table.

    Examples
    --------
    >>> paging = Paging(page=2, total=120)
    >>> paging.first, paging.last, paging.num_pages
    (50, 100, 3)
    """

    page: int
    """From 1."""
    total: int
    """Rows of the whole table."""

    @property
    def first(self) -> int:
        """Place of the first row, from 0."""
        return (self.page - 1) * PER_PAGE

    @property
    def last(self) -> int:
        """Place after the last row."""
        return min(self.first + PER_PAGE, self.total)

    @property
    def num_pages(self) -> int:
        """At least 1."""
        return max(1, -(-self.total // PER_PAGE))


def parse_page(text: str, total: int) -> Paging:
    """Return the page that a query parameter names, the first if it names none.

    Raises
    ------
    UsageError
        It is no number of a page of this table.
    """
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 7 else 0
    paging = Paging(number if text else 1, total)
    if not 1 <= paging.page <= paging.num_pages:
        raise UsageError(
            f"there is no page {text[:20]!r}", f"pages go from 1 to {paging.num_pages}"
        )
    return paging
