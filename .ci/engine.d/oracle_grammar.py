"""A small language for commands with random arguments.

    3 SET key value [(NX|XX)] [GET] => exact

A weight; words as they stand, where they aren't the name of a kind of argument; `[...]` perhaps; `(a|b)` one
of them; after a word or a group `*` any number of times and `+` at least once, `#` very often. After `=>` how the replies are
compared, and `fixed` where the arguments may not be spoilt. `@name` is a step that is written in Python.
"""

import re
from dataclasses import dataclass
from random import Random

TOKEN = re.compile(r"[\[\]()|*+#]|[^\s\[\]()|*+#]+")
MANY = 150
"""How many elements make the large encodings certain."""


@dataclass
class Row:
    """One line of a family's table."""

    name: str
    weight: float
    write: object
    """Appends the arguments to a list: `write(arguments, out)`."""
    compare: str = "exact"
    fixed: bool = False


def rows(table: str) -> list[Row]:
    """Every line of a table."""
    return [row(line) for line in table.strip().splitlines() if line.strip()]


def row(line: str) -> Row:
    """One line."""
    text, _, ending = line.partition("=>")
    words = ending.split()
    weight, _, body = text.strip().partition(" ")
    compare = next((word for word in words if word != "fixed"), "exact")
    if body.startswith("@"):
        return Row(body.strip(), float(weight), None, compare, True)
    tokens = TOKEN.findall(body)
    node, rest = sequence(tokens)
    assert not rest, line
    return Row(tokens[0], float(weight), node, compare, "fixed" in words)


def sequence(tokens: list[str]):
    """Parts one after the other, up to a closing bracket or a bar."""
    parts = []
    while tokens and tokens[0] not in ("]", ")", "|"):
        part, tokens = repeated(tokens)
        parts.append(part)

    def write(arguments, out):
        for part in parts:
            part(arguments, out)

    return write, tokens


def repeated(tokens: list[str]):
    """A part with what says how often."""
    part, tokens = single(tokens)
    if not tokens or tokens[0] not in ("*", "+", "#"):
        return part, tokens
    least = 0 if tokens[0] == "*" else 1
    many = tokens[0] == "#"

    def write(arguments, out):
        times = MANY if many else least + int(arguments.random.random() ** 2 * 5)
        for _ in range(times):
            part(arguments, out)

    return write, tokens[1:]


def single(tokens: list[str]):
    """A word, an optional part or a choice."""
    token, tokens = tokens[0], tokens[1:]
    if token == "[":
        inner, tokens = sequence(tokens)
        return optional(inner), tokens[1:]
    if token == "(":
        choices = []
        while True:
            inner, tokens = sequence(tokens)
            choices.append(inner)
            closing, tokens = tokens[0], tokens[1:]
            if closing == ")":
                return choice(choices), tokens
    return word(token), tokens


def optional(inner):
    """Perhaps."""

    def write(arguments, out):
        if arguments.random.random() < 0.35:
            inner(arguments, out)

    return write


def choice(choices):
    """One of them."""

    def write(arguments, out):
        arguments.pick(choices)(arguments, out)

    return write


def word(text: str):
    """A literal, or a kind of argument."""
    literal = text.encode()
    if text.islower():
        return lambda arguments, out: out.append(arguments.kinds.get(text, lambda: literal)())
    other = literal.lower()
    return lambda arguments, out: out.append(literal if arguments.random.random() < 0.9 else other)


def spoil(random: Random, out: list[bytes], junk: list[bytes]):
    """Makes a command wrong, or at least odd."""
    draw = random.random()
    place = 1 + int(random.random() * (len(out) - 1)) if len(out) > 1 else 1
    if draw < 0.3 and len(out) > 1:
        out.pop()
    elif draw < 0.5 and len(out) > 1:
        out.insert(place, out[place])
    elif draw < 0.7:
        out.append(junk[int(random.random() * len(junk))])
    elif len(out) > 1:
        out[place] = junk[int(random.random() * len(junk))]
