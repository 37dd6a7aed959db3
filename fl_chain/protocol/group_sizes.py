"""How many of a group of masked updates have to answer, may join against others, and hide them.

Source of the threshold: Bonawitz et al. 2017 (Practical secure aggregation,
https://eprint.iacr.org/2017/281), theorem 6.5, against whoever shows others what it likes.
"""

from __future__ import annotations


def threshold(size: int) -> int:
    """Return how many members of a group have to answer: more than two thirds.

    An honest member answers once. Say somebody shows one record to some of them, to have the self
    seed of a survivor, and another to the rest, to have the seeds of its pairs. The former takes
    the threshold. By the first record the survivor has partners, and nobody is asked for their
    pairs with it: of these all are among the rest, or the rest have to tell the threshold of their
    shares. As accomplices answer both, there are too few answers for it unless at least
    2 * threshold - size - 1 are accomplices, about a third.

    Parameters
    ----------
    size
        Members of the group, whether or not they are still there.

    Examples
    --------
    >>> [threshold(size) for size in (3, 4, 5, 6, 16)]
    [3, 3, 4, 5, 11]
    """
    return 2 * size // 3 + 1


def count_accomplices(size: int) -> int:
    """Return how many of a group may join against another member without seeing its update.

    Less than a third of it, and too few to have both kinds of answers even if they show the others
    two records; see :func:`threshold`.

    Examples
    --------
    >>> [count_accomplices(size) for size in (3, 5, 16)]
    [0, 1, 4]
    """
    return min(2 * threshold(size) - size - 2, (size - 1) // 3)


def count_noisy(group_size: int) -> int:
    """Return of how many participants the noise is in a sum of any group, and known to nobody.

    A group releases its sum if the threshold of its members survive; of these as many may be
    accomplices, who know their own noise, as the masks withstand, and one in any case: a member
    that looks at the sum. Groups have from ``group_size`` to nearly twice as many members.

    Parameters
    ----------
    group_size
        Fewest members of a group, at least 3.

    Examples
    --------
    >>> [count_noisy(size) for size in (3, 5, 8, 16, 64)]
    [2, 3, 4, 7, 23]
    """
    sizes = range(group_size, 2 * group_size)
    return min(threshold(size) - max(1, count_accomplices(size)) for size in sizes)
