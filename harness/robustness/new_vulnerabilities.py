"""No new vulnerability: the same inputs, the same seed and the same attack as in a saved run, compared pair by pair.

Tested in tests/robustness/test_new_vulnerabilities.py.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.core.verdict import Status, Verdict, make_inconclusive
from harness.robustness.attack_result import AttackedInputs
from harness.stats.beta import binomial_sf
from harness.stats.difference import PairCounts, judge_difference

MARGIN = 0.05
"""The share of inputs by which more may be broken than in the baseline."""
_BROKEN = ("wrong", "confirmed")


def read_saved_inputs(baseline: str, measurement: str) -> AttackedInputs | str:
    """What the attack left in a saved run, or why it cannot be read."""
    folder = Path(baseline)
    path = (folder if folder.is_dir() else folder.parent) / f"{measurement}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=AttackedInputs)
    except OSError as error:
        return f"the baseline holds no {measurement}.json ({error.strerror}): it must be a run of the same attack"
    except msgspec.MsgspecError:
        return f"{path} is not the result of an attack by this version of the harness"


def judge_new_vulnerabilities(now: AttackedInputs, saved: AttackedInputs | str, alpha: float) -> Verdict:
    """Whether more inputs are broken than in the baseline, by Tango's score test of pairs against `MARGIN`.

    An input without a decision on either side is no pair. Raises nothing for a baseline of other inputs: it is
    INCONCLUSIVE, as is one under another limit or budget, and a PASS with scores that hide what a row changes.
    """
    if isinstance(saved, str):
        return make_inconclusive(saved, n=0)
    if problem := _find_mismatch(now, saved):
        return make_inconclusive(problem, n=0)
    before = {outcome.number: outcome.state for outcome in saved.outcomes}
    pairs = []
    for outcome in now.outcomes:
        states = before.get(outcome.number, "lost"), outcome.state
        if not {"lost", "unfinished"} & set(states):
            pairs.append((outcome.number, states[0] in _BROKEN, states[1] in _BROKEN))
    new = [number for number, was, is_now in pairs if is_now and not was]
    mended = sum(was and not is_now for _, was, is_now in pairs)
    if not pairs:
        return make_inconclusive("no input was decided in both runs", n=0)
    decided = judge_difference(PairCounts(len(pairs), len(new), mended), MARGIN, alpha, alpha)
    chance = binomial_sf(len(new), len(new) + mended, 0.5)
    status, conclusion = Status.INCONCLUSIVE, f"{MARGIN:.0%} more is neither shown nor refuted"
    if decided.decision == "pass":
        status, conclusion = Status.PASS, f"more by {MARGIN:.0%} of the inputs is refuted"
    elif decided.decision == "fail":
        status, conclusion = Status.FAIL, f"more by at most {MARGIN:.0%} of the inputs is refuted"
    if status is Status.PASS and now.masked:
        status, conclusion = Status.INCONCLUSIVE, f"it proves nothing: {now.masked}"
    shown = set(new[:5])
    examples = [example for example in now.examples if (example.request or {}).get("input") in shown]
    return Verdict(
        status,
        f"{len(new)} of {len(pairs)} inputs are newly broken, {mended} are mended: {conclusion}",
        metric="difference of the shares of broken inputs",
        unit="",
        direction="<=",
        estimate=decided.estimate,
        ci=(decided.lower, decided.upper),
        confidence=1 - alpha,
        method="Tango's score test of pairs, exact tails",
        n=len(pairs),
        n_needed=decided.n_needed,
        limit=MARGIN,
        counterexamples=tuple(examples),
        notes=(f"McNemar's exact test, one-sided: p = {chance:.3g}", f"newly broken: {new[:20] or 'none'}"),
    )


def _find_mismatch(now: AttackedInputs, saved: AttackedInputs) -> str:
    """Why the two runs cannot be compared, or an empty text."""
    if problem := now.unattackable or now.mismatch or saved.unattackable or saved.mismatch:
        return problem
    if (now.digest, now.limit) != (saved.digest, saved.limit):
        return "the baseline attacked other inputs, or within another limit"
    if now.budget != saved.budget:
        return f"the baseline searched with {saved.budget} rows an input, this run with {now.budget}"
    return ""
