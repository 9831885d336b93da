"""What a scenario says when something is not as it should be."""


class Failure(Exception):
    """A check that does not hold; the text is for people."""


def check(holds, what: str, *details):
    """Raises a `Failure` unless `holds`; the details show what there was instead."""
    if not holds:
        raise Failure("\n".join([what, *(str(detail) for detail in details)]))


def check_equal(actual, wanted, what: str, *details):
    """Raises a `Failure` unless both are equal."""
    check(actual == wanted, f"{what}\n  wanted: {wanted!r}\n  found:  {actual!r}", *details)
