"""What a run says of itself beside its numbers: settings, code, machine, time, and what was not finite."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dlnotes.lab.execute import Account
from dlnotes.lab.experiment import Cost, Study
from dlnotes.lab.plan import Program


def costs(accounts: list[tuple[Program, Account]], total: float) -> dict[str, Any]:
    """Seconds of compiling and of running, and steps of trials a second."""
    compiling, running = (sum(getattr(a, k) for _, a in accounts) for k in ("compile_seconds", "run_seconds"))
    steps = sum(account.trial_steps for _, account in accounts)
    return {
        "seconds": {"compile": round(compiling, 3), "run": round(running, 3), "total": round(total, 3)},
        "steps_per_second": round(steps / running, 1) if steps else None,
        "programs": [described(program, account) for program, account in accounts],
    }


def described(program: Program, account: Account) -> dict[str, Any]:
    """A program's line in the manifest."""
    return {
        "study": program.study_name,
        "static": readable(program.static),
        "trials": account.trials,
        "group": account.group,
        "compile_seconds": round(account.compile_seconds, 3),
        "run_seconds": round(account.run_seconds, 3),
        "trial_steps": account.trial_steps,
    }


def not_finite(program: Program, account: Account, seeds: int) -> list[dict[str, Any]]:
    """Where trials stopped being finite: for each condition how many, and the first step."""
    found = []
    for condition in range(program.conditions if account.first_bad else 0):
        bad = [b for b in account.first_bad[condition * seeds : (condition + 1) * seeds] if b >= 0]
        if bad:
            labels = readable(program.condition_labels(condition))
            where = {"study": program.study_name, "condition": labels}
            found.append(where | {"trials": len(bad), "of": seeds, "first_step": min(bad)})
    return found


def settings(study: Study | Cost) -> dict[str, Any]:
    """All that was set of a study."""
    return readable(study.settings) | ({"repeats": study.repeats} if isinstance(study, Cost) else {})


def readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON: arrays and tuples become lists, and numbers that JSON does not have words."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(k): plain(v) for k, v in value.items()}
        if isinstance(value, tuple | list):
            return [plain(v) for v in value]
        if hasattr(value, "tolist"):
            return plain(value.tolist())
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return {k: plain(v) for k, v in values.items()}


def now() -> str:
    """The time in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
