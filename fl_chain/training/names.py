"""One way to answer an unknown name: list what there is, and guess what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from fl_chain.errors import TrainingError

__all__ = ["unknown_name"]


def unknown_name(kind: str, name: str, known: Iterable[str]) -> TrainingError:
    """Build the error for a name that is not in a registry.

    Parameters
    ----------
    kind
        What the name should have named, such as ``"model"``.
    name
        The name that was asked for.
    known
        Every name there is.

    Examples
    --------
    >>> print(unknown_name("model", "mcmahan_cn", ["mcmahan_cnn", "digits_mlp"]))
    there is no model 'mcmahan_cn' (did you mean 'mcmahan_cnn'? there are: digits_mlp, mcmahan_cnn)
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return TrainingError(f"there is no {kind} {name!r}", f"{guess}there are: {', '.join(names)}")
