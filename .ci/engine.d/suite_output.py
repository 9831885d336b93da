"""Reads what the suite's runner prints."""

import re
from collections import Counter
from dataclasses import dataclass, field

RESULT = re.compile(r"\[(ok|err|exception|skip|ignore|TIMEOUT)\]: ?(.*)")
DRAWN = re.compile(r"(?<=Set #)\d+|(?<=from #)\d+|(?<=\(x = )\d+|(?<=CYCLE )\d+")
"""Numbers in names that are others in each run."""
PASSED = re.compile(r"(.*) \(\d+ ms\)")
FAILED = re.compile(r"(.*) in tests/\S+\.tcl")
IN_PROGRESS = re.compile(r"=> \(IN PROGRESS\) (.*)")
DETAIL_LINES = 8


@dataclass
class Outcome:
    """What one run of a file has said."""

    passed: Counter = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    """Details by test."""
    ended: bool = False
    """Whether the file was gone through to its end."""
    culprit: str | None = None
    """The test in which the run stopped, where that is known."""
    trouble: str = ""
    """Why the run stopped."""


def read(text: str) -> Outcome:
    """The outcome that a run's output tells."""
    # After silence for too long the runner says so, and then that it has come to the end.
    outcome = Outcome(ended="\n                   The End" in text and "\n[TIMEOUT]" not in text)
    current: list[str] | None = None
    details: dict[str, list[str]] = {}
    for line in text.splitlines():
        if progress := IN_PROGRESS.search(line):
            outcome.culprit = progress[1]
        result = RESULT.match(line)
        if result is None:
            if current is not None and len(current) < DETAIL_LINES:
                current.append(line)
            continue
        kind, rest = result.groups()
        current = None
        if kind == "ok" and (test := PASSED.match(rest)):
            outcome.passed[DRAWN.sub("N", test[1])] += 1
        elif kind == "err":
            test = FAILED.match(rest)
            current = details.setdefault(test[1] if test else "(outside of a test)", [] if test else [rest])
        elif kind in ("exception", "TIMEOUT"):
            current = details.setdefault(f"({kind})", [rest])
    outcome.trouble = "\n".join(line for kind in ("(exception)", "(TIMEOUT)") for line in details.pop(kind, []))
    outcome.failed = {name: "\n".join(lines) for name, lines in details.items()}
    return outcome
