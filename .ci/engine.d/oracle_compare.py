"""Whether two replies say the same, where an order isn't defined or a clock has a part in it."""

from resp import Double, Error, Map, Simple

CLOCK_TOLERANCE = 3000


def canonical(reply):
    """Something that can be sorted and compared: kinds are kept, the order of elements too."""
    if isinstance(reply, list):
        return (type(reply).__name__, tuple(canonical(element) for element in reply))
    return (type(reply).__name__, (str(reply) if reply is None or isinstance(reply, int) else bytes(reply).hex(),))


def exact(ours, theirs) -> bool:
    """Element by element."""
    return canonical(ours) == canonical(theirs)


def unordered(ours, theirs) -> bool:
    """As bags, at every depth."""
    return sorted_through(ours) == sorted_through(theirs)


def sorted_through(reply):
    """The canonical form with the elements of every array sorted."""
    if isinstance(reply, list):
        return (type(reply).__name__, tuple(sorted(sorted_through(element) for element in reply)))
    return canonical(reply)


def pairs(ours, theirs) -> bool:
    """Pairs in any order: of a map, of a flat array, or of the second element of a scan's reply."""
    if is_scan(ours) and is_scan(theirs):
        return canonical(ours[0]) == canonical(theirs[0]) and pairs(ours[1], theirs[1])
    return in_pairs(ours) == in_pairs(theirs)


def is_scan(reply) -> bool:
    """A cursor and a page."""
    return isinstance(reply, list) and len(reply) == 2 and isinstance(reply[1], list)


def in_pairs(reply):
    """The sorted pairs."""
    if not isinstance(reply, list) or isinstance(reply, Map) is False and any(isinstance(part, list) for part in reply):
        return sorted_through(reply)
    flat = [canonical(element) for element in reply]
    return (type(reply).__name__, sorted(zip(flat[::2], flat[1::2])))


def about(ours, theirs) -> bool:
    """Numbers that depend on the clock."""
    if isinstance(ours, int) and isinstance(theirs, int) and ours >= 0 and theirs >= 0:
        return abs(ours - theirs) <= CLOCK_TOLERANCE
    return exact(ours, theirs)


def kind(ours, theirs) -> bool:
    """Only what kind of reply it is; errors word by word."""
    if isinstance(ours, Error) or isinstance(theirs, Error):
        return exact(ours, theirs)
    return type(ours) is type(theirs)


COMPARISONS = {"exact": exact, "unordered": unordered, "pairs": pairs, "about": about, "kind": kind}


def shown(reply, limit: int = 400) -> str:
    """A reply for people."""
    text = shown_whole(reply)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def shown_whole(reply) -> str:
    """A reply in one line."""
    if isinstance(reply, list):
        name = "" if type(reply) is list else type(reply).__name__.lower()
        return f"{name}[{', '.join(shown_whole(element) for element in reply)}]"
    if reply is None or isinstance(reply, int):
        return "(nil)" if reply is None else str(reply)
    text = repr(bytes(reply))[1:]
    sign = {Simple: "+", Error: "-", Double: ","}.get(type(reply), "")
    return sign + text


def shape(reply) -> str:
    """What a failure is remembered by: the kind of reply, and an error's first words."""
    if isinstance(reply, Error):
        return "error " + " ".join(bytes(reply).decode(errors="replace").split()[:3])
    return type(reply).__name__
