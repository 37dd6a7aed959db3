"""From what somebody asks for to scenarios, or to an error that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from fl_chain.errors import UsageError
from fl_chain.lab.attacks import ATTACKS, has_images
from fl_chain.lab.experiment import Scenario
from fl_chain.lab.summary import HONEST
from fl_chain.protocol.rules import MEAN, RULES
from fl_chain.training.catalogue import find_dataset, load_dataset
from fl_chain.training.models import check_fit


def make_scenario(
    data: str,
    model: str,
    num_participants: int,
    num_malicious: int,
    num_rounds: int,
    num_epochs: int,
    batch_size: int,
    learning_rate: float,
) -> Scenario:
    """Return what all experiments have in common.

    Raises
    ------
    UsageError
        As many malicious participants as honest ones, or more.
    TrainingError
        There is no such data set or model, or they do not fit.
    """
    if 2 * num_malicious >= num_participants:
        raise UsageError(
            f"{num_malicious} of {num_participants} participants are malicious",
            "no rule withstands half of them; choose fewer with --malicious",
        )
    model = model or find_dataset(data).usual_model
    check_fit(model, data)
    return Scenario(
        data,
        model,
        num_participants,
        num_malicious,
        num_rounds,
        split="iid",
        seed=0,
        rule=MEAN,
        attack=HONEST,
        num_epochs=num_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
    )


def pick_rules(
    names: Sequence[str], num_participants: int, num_malicious: int, *, is_asked: bool
) -> list[str]:
    """Return the rules to try: without those whose assumption does not hold, unless asked for.

    Raises
    ------
    UsageError
        There is no such rule, or it was asked for and its assumption does not hold.
    """
    chosen = []
    for name in names:
        if name not in RULES:
            raise UsageError(f"there is no rule {name!r}", f"choose of {', '.join(RULES)}")
        least = RULES[name].least_updates(num_malicious)
        if num_participants >= least:
            chosen.append(name)
        elif is_asked:
            raise UsageError(
                f"the rule {name} withstands {num_malicious} of {least} participants or more,"
                f" and not of {num_participants}",
                "choose more --participants, or fewer --malicious",
            )
    return chosen


def pick_attacks(names: Sequence[str], data: str) -> list[str]:
    """Return the attacks to try, what they are compared with first.

    Raises
    ------
    UsageError
        There is no such attack, or it does not fit the data.
    """
    fits = has_images(load_dataset(data).test)
    for name in names:
        if name not in ATTACKS:
            raise UsageError(f"there is no attack {name!r}", f"choose of {', '.join(ATTACKS)}")
        if ATTACKS[name].has_trigger and not fits:
            raise UsageError(f"{name} needs images, and {data} has none", "leave it out")
    asked = names or [a.name for a in ATTACKS.values() if fits or not a.has_trigger]
    return [HONEST, *(name for name in dict.fromkeys(asked) if name != HONEST)]
