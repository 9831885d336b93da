"""Steps of the random run: one command with its comparison, or a few that belong together."""

from dataclasses import dataclass, field

import oracle_compare
from oracle_arguments import JUNK, Arguments
from oracle_grammar import Row, spoil
from oracle_scripts import SCRIPTS
from resp import Error

SPOILT_SHARE = 0.03
ALIENS = [
    (b"SET", b"alien:string", b"text"),
    (b"RPUSH", b"alien:list", b"a", b"b", b"3"),
    (b"HSET", b"alien:hash", b"f", b"v", b"n", b"5"),
    (b"SADD", b"alien:set", b"a", b"b", b"m1", b"m2"),
    (b"ZADD", b"alien:zset", b"1", b"a", b"2", b"m1"),
]


@dataclass
class Step:
    """Commands that are sent together, each with the number of the connection that sends it."""

    name: str
    commands: list[tuple[int, list[bytes]]]
    comparisons: list = field(default_factory=list)
    """One for each command; `None` where `judge` looks at all of them."""
    judge: object = None
    """Looks at one server's replies to the whole step and says whether they are possible: for random answers."""

    def difference(self, ours: list, theirs: list) -> int | None:
        """The place of the first reply that isn't as it should be."""
        for place, compare in enumerate(self.comparisons):
            if compare is not None and not compare(ours[place], theirs[place]):
                return place
        if self.judge is not None and self.judge(ours) != self.judge(theirs):
            return len(ours) - 1
        return None


def alone(name: str, *words: bytes) -> Step:
    """A single command, compared exactly."""
    return Step(name, [(0, list(words))], [oracle_compare.exact])


def simple(row: Row, arguments: Arguments) -> Step:
    """A command of a table, now and then spoilt."""
    out: list[bytes] = []
    row.write(arguments, out)
    if not row.fixed and arguments.random.random() < SPOILT_SHARE:
        spoil(arguments.random, out, JUNK)
    return Step(row.name, [(0, out)], [oracle_compare.COMPARISONS[row.compare]])


def members_judge(ours_list):
    """Replies of [all, random pick]: what can be said of the pick without knowing the draw."""
    everything, picked = ours_list[0], ours_list[1]
    if isinstance(picked, Error) or picked is None or isinstance(everything, Error):
        return oracle_compare.canonical(picked)
    if not isinstance(picked, list):
        return ("one", picked in everything)
    flat = [element for entry in picked for element in (entry if isinstance(entry, list) else [entry])]
    keys = [oracle_compare.canonical(element) for element in flat]
    known = {oracle_compare.canonical(element)[1] for element in everything}
    return (type(picked).__name__, len(picked), all(key[1] in known for key in keys))


def random_members(row_name: str, everything: bytes, words: list[list[bytes]], arguments: Arguments) -> Step:
    """A random pick, and before it everything that could be picked."""
    key = arguments.make("key")
    pick = list(arguments.pick(words))
    pick.insert(1, key)
    if len(pick) > 2 and pick[2] == b"count":
        pick[2] = arguments.make("rcount")
    read = [everything, key] + ([b"0", b"-1", b"WITHSCORES"] if everything == b"ZRANGE" else [])
    return Step(row_name, [(0, read), (0, pick)], [oracle_compare.pairs if everything == b"HGETALL" else oracle_compare.unordered, None], members_judge)


def hrandfield(arguments: Arguments) -> Step:
    """HRANDFIELD in its forms."""
    return random_members("HRANDFIELD", b"HGETALL", [[b"HRANDFIELD"], [b"HRANDFIELD", b"count"], [b"HRANDFIELD", b"count", b"WITHVALUES"]], arguments)


def srandmember(arguments: Arguments) -> Step:
    """SRANDMEMBER in its forms."""
    return random_members("SRANDMEMBER", b"SMEMBERS", [[b"SRANDMEMBER"], [b"SRANDMEMBER", b"count"]], arguments)


def zrandmember(arguments: Arguments) -> Step:
    """ZRANDMEMBER in its forms."""
    return random_members("ZRANDMEMBER", b"ZRANGE", [[b"ZRANDMEMBER"], [b"ZRANDMEMBER", b"count"], [b"ZRANDMEMBER", b"count", b"WITHSCORES"]], arguments)


def spop(arguments: Arguments) -> Step:
    """SPOP; as both servers remove other members, what is left of the set is counted and then removed."""
    step = random_members("SPOP", b"SMEMBERS", [[b"SPOP"], [b"SPOP", b"count"]], arguments)
    key = step.commands[1][1][1]
    step.commands += [(0, [b"SCARD", key]), (0, [b"DEL", key])]
    step.comparisons += [oracle_compare.exact, oracle_compare.exact]
    if key.startswith(b"alien:"):
        step.commands += [(0, list(words)) for words in ALIENS if words[1] == key]
        step.comparisons += [oracle_compare.exact] * (len(step.commands) - 4)
    return step


def randomkey(_: Arguments) -> Step:
    """RANDOMKEY, with all keys before it."""

    def judge(replies):
        return ("found", replies[1] in replies[0]) if replies[0] else ("none", replies[1])

    return Step("RANDOMKEY", [(0, [b"KEYS", b"*"]), (0, [b"RANDOMKEY"])], [oracle_compare.unordered, None], judge)


def short_lived(arguments: Arguments) -> Step:
    """A key that ends within milliseconds, looked at after a wait that the server does itself."""
    key = arguments.make("own")
    until = arguments.pick([[b"SET", key, b"v", b"PX", b"4"], [b"PSETEX", key, b"4", b"v"]])
    after = [[b"GET", key], [b"EXISTS", key], [b"TTL", key], [b"TYPE", key], [b"DBSIZE"], [b"SET", key, b"w", b"KEEPTTL"], [b"PTTL", key]]
    commands = [until, [b"BLPOP", b"nobody-pushes-here", b"0.02"], *after]
    return Step("short-lived", [(0, words) for words in commands], [oracle_compare.exact] * len(commands))


def any_command(arguments: Arguments, tables: dict[str, list[Row]]) -> Step:
    """A simple command of any data family, but for those whose order or page isn't defined."""
    while True:
        table = tables[arguments.pick(["strings", "hashes", "lists", "sets", "sorted_sets", "bits"])]
        row = arguments.pick(table)
        if row.write is not None and not any(part in row.name for part in ("SCAN", "SORT")):
            return simple(row, arguments)


def executed(comparisons: list):
    """Compares EXEC's replies each in its own way."""

    def compare(ours, theirs) -> bool:
        if type(ours) is list and type(theirs) is list and len(ours) == len(theirs) == len(comparisons):
            return all(one(left, right) for one, left, right in zip(comparisons, ours, theirs))
        # Some of the commands were refused: it can't be told which reply belongs to which.
        return oracle_compare.unordered(ours, theirs)

    return compare


def queue(arguments: Arguments, tables, commands: list, comparisons: list):
    """Appends MULTI, commands, and EXEC or DISCARD."""
    inside = [any_command(arguments, tables) for _ in range(int(arguments.random.random() * 6))]
    if arguments.random.random() < 0.1:
        words = arguments.pick([[b"WATCH", b"k0"], [b"MULTI"], [b"NONSENSE"], [b"GET"], [b"PING"]])
        inside.append(Step("", [(0, words)], [oracle_compare.exact]))
    end = [b"EXEC"] if arguments.random.random() < 0.9 else [b"DISCARD"]
    commands += [(0, [b"MULTI"]), *(step.commands[0] for step in inside), (0, end)]
    comparisons += [oracle_compare.exact] * (len(inside) + 1) + [executed([step.comparisons[0] for step in inside])]


def transaction(arguments: Arguments, tables) -> Step:
    """MULTI to EXEC on one connection."""
    commands, comparisons = [], []
    queue(arguments, tables, commands, comparisons)
    return Step("transaction", commands, comparisons)


def watched(arguments: Arguments, tables) -> Step:
    """A watched key that another connection perhaps touches before EXEC."""
    commands = [(0, [b"WATCH", arguments.make("key"), arguments.make("own")])]
    comparisons = [oracle_compare.exact]
    for _ in range(int(arguments.random.random() * 3)):
        step = any_command(arguments, tables)
        commands.append((int(arguments.random.random() * 2), step.commands[0][1]))
        comparisons += step.comparisons
    if arguments.random.random() < 0.1:
        commands.append((1, [b"FLUSHDB"]))
        comparisons.append(oracle_compare.exact)
    queue(arguments, tables, commands, comparisons)
    return Step("watched", commands, comparisons)


def blocking(arguments: Arguments, _) -> Step:
    """Blocking commands inside of a transaction never block."""
    key, other = arguments.make("key"), arguments.make("own")
    inside = arguments.pick([[b"BLPOP", key, other, b"0"], [b"BRPOP", key, b"0"], [b"BLMOVE", key, other, b"LEFT", b"RIGHT", b"0"], [b"BZPOPMIN", key, b"0"], [b"BRPOPLPUSH", key, other, b"0"], [b"BLMPOP", b"0", b"1", key, b"LEFT"]])
    commands = [(0, [b"RPUSH", other, b"x"]), (0, [b"MULTI"]), (0, inside), (0, [b"EXEC"])]
    return Step("blocking", commands, [oracle_compare.exact] * 4)


def script(arguments: Arguments, _) -> Step:
    """EVAL of one of the scripts."""
    text = arguments.pick(SCRIPTS).encode()
    name = arguments.pick([b"EVAL", b"EVAL", b"EVAL", b"EVAL_RO"])
    words = [name, text, b"2", arguments.make("key"), arguments.make("own"), arguments.make("value"), arguments.make("member")]
    return Step(f"EVAL {text.decode()[:60]}", [(0, words)], [oracle_compare.pairs if b"HGETALL" in text else oracle_compare.exact])


SPECIAL = {
    "@hrandfield": hrandfield,
    "@srandmember": srandmember,
    "@zrandmember": zrandmember,
    "@spop": spop,
    "@randomkey": randomkey,
    "@short-lived": short_lived,
}
"""By name in the tables."""
WITH_TABLES = {"@transaction": transaction, "@watched": watched, "@blocking": blocking, "@script": script}
"""Those that take commands of other families."""


def make(row: Row, arguments: Arguments, tables: dict[str, list[Row]]) -> Step:
    """The step of a row."""
    if row.name in SPECIAL:
        return SPECIAL[row.name](arguments)
    if row.name in WITH_TABLES:
        return WITH_TABLES[row.name](arguments, tables)
    return simple(row, arguments)
