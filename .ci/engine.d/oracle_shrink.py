"""Looks for the shortest sequence of steps that still fails."""

MOST_TRIES = 400


def shrink(steps: list, fails) -> list:
    """Leaves out ever smaller parts as long as `fails(steps)` still holds. The last step is the one that failed."""
    tries, size = 0, max(1, (len(steps) - 1) // 2)
    while tries < MOST_TRIES:
        place, shorter = 0, False
        while place < len(steps) - 1 and tries < MOST_TRIES:
            fewer = steps[:place] + steps[min(place + size, len(steps) - 1) :]
            tries += 1
            if fails(fewer):
                steps, shorter = fewer, True
            else:
                place += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return steps
