"""From findings to what a reader wants to know first: is it right, and if not, what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fl_chain.audit.catalogue import CATALOGUE
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.roles.watchman import RoundAudit, TaskAudit

NOT_AUDITED: Final = "NOT AUDITED YET"
NO_MODEL: Final = "NO MODEL"

MOST_DETAIL: Final = 120
"""Characters of a finding's detail that a sentence has room for."""

_CHECKS: Final = {check.name: check for check in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict with the sentence that explains it."""

    label: str
    """PASS, FAIL, UNDECIDABLE, NOT AUDITED YET, or NO MODEL."""
    sentence: str

    @property
    def css(self) -> str:
        """The class that colours it; the label says it as well."""
        return self.label.lower().replace(" ", "-")

    @property
    def sign(self) -> str:
        """A sign beside the label."""
        signs = {"PASS": "✓", "FAIL": "✗", "UNDECIDABLE": "?", NOT_AUDITED: "…"}
        return signs.get(self.label, "-")


def standing_of_round(row: Mapping[str, Any], audit: RoundAudit | None) -> Standing:
    """Return what the replay says of a round, whatever the chain says."""
    if row["round"] == 0:
        return Standing(NO_MODEL, "The training begins here, with the genesis model.")
    if row["model"] is None:
        what = "ended" if row["phase"] == "ABORTED" else "has come so far"
        return Standing(
            NO_MODEL, f"The round {what} without a model, so there is nothing to audit."
        )
    if audit is None:
        sentence = "Nobody has checked this model here yet. This page will say when it was."
        return Standing(NOT_AUDITED, sentence)
    return standing_of_findings(audit.findings, "this round")


def standing_of_update(round_standing: Standing, status: str | None) -> Standing:
    """Return what the replay of a round says of one of its updates.

    Parameters
    ----------
    round_standing
        Of the round.
    status
        ``included``, or why it was left out; None where no report can be had.
    """
    if round_standing.label != Verdict.PASS or status is None:
        return Standing(round_standing.label, f"The round: {round_standing.sentence}")
    if status == "included":
        sentence = "This update is in the model, which was computed again from it, byte for byte."
    else:
        reason = status.replace("_", " ")
        sentence = f"This update is left out of the model ({reason}), and rightly so."
    return Standing(round_standing.label, sentence)


def standing_of_task(rounds: Sequence[Mapping[str, Any]], audit: TaskAudit) -> Standing:
    """Return what the replay says of a task, as far as it has come."""
    models = [row for row in rounds[1:] if row["model"] is not None]
    found = {row["round"]: audit.of_round(row["round"], row["model"]) for row in models}
    done = [made for made in found.values() if made is not None]
    findings = [*audit.findings, *(f for made in done for f in made.findings)]
    verdict = compute_verdict(findings)
    if verdict == Verdict.FAIL:
        return Standing("FAIL", _describe_problems(findings, Verdict.FAIL))
    if len(done) < len(models) or not audit.findings:
        so_far = "no check has failed so far" if findings else "no check was made so far"
        return Standing(NOT_AUDITED, f"{len(done)} of {_models(len(models))} audited; {so_far}.")
    if verdict == Verdict.UNDECIDABLE:
        return Standing("UNDECIDABLE", _describe_problems(findings, Verdict.UNDECIDABLE))
    if not models:
        return Standing("PASS", "No model is on record yet; contract and history were checked.")
    every = "The one model" if len(models) == 1 else f"Each of the {len(models)} models"
    sentence = f"{every} on record was computed again from the recorded updates, byte for byte."
    return Standing("PASS", sentence)


def standing_of_findings(findings: Sequence[Finding], subject: str) -> Standing:
    """Return what some findings add up to, about ``this round`` or ``the task``."""
    verdict = compute_verdict(findings)
    if verdict != Verdict.PASS:
        return Standing(verdict.value, _describe_problems(findings, verdict))
    if subject == "this round":
        sentence = "The model was computed again from the recorded updates, byte for byte."
        return Standing("PASS", sentence)
    return Standing("PASS", "Every check passed: all models follow from what is on record.")


def problems_first(findings: Collection[Finding]) -> list[Finding]:
    """Return findings with those that failed first, then those that could not be decided."""
    order = [Verdict.FAIL, Verdict.UNDECIDABLE, Verdict.PASS]
    return sorted(findings, key=lambda finding: order.index(finding.verdict))


def describe_check(finding: Finding) -> str:
    """Return what the check of a finding confirms."""
    check = _CHECKS.get(finding.check)
    return check.title[:1].upper() + check.title[1:] if check else finding.check


def advise(finding: Finding) -> str:
    """Return what a finding that did not pass says, and what to do; empty if there is nothing."""
    check = _CHECKS.get(finding.check)
    if check is None or finding.verdict == Verdict.PASS:
        return ""
    text = check.on_fail if finding.verdict == Verdict.FAIL else check.on_undecidable
    return text[:1].upper() + text[1:]


def _describe_problems(findings: Sequence[Finding], verdict: Verdict) -> str:
    made = [finding for finding in findings if finding.verdict == verdict]
    rounds = sorted({f.round for f in made if f.round is not None})
    count = f"{len(made)} check{'' if len(made) == 1 else 's'}"
    where = ""
    if rounds:
        named = ", ".join(str(number) for number in rounds[:5])
        more = f" and {len(rounds) - 5} more" if len(rounds) > 5 else ""
        where = f" in round{'' if len(rounds) == 1 else 's'} {named}{more}"
    if verdict == Verdict.FAIL and len(made) == 1 and len(made[0].detail) <= MOST_DETAIL:
        return f"{count} failed{where}: {made[0].detail}."
    if verdict == Verdict.FAIL:
        return f"{count} failed{where}: what is on record is not what it should be."
    needs = "needs" if len(made) == 1 else "need"
    return f"Nothing was found wrong, but content that {count}{where} {needs} cannot be had."


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"
