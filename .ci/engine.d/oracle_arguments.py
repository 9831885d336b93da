"""Random arguments by kind: mostly sensible ones, some at the edges of what a command takes, a few of them nonsense."""

from random import Random

INTEGER_EDGES = [b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-9223372036854775809", b"2147483648"]
NOT_INTEGERS = [b"", b"abc", b" 1", b"1 ", b"1.5", b"+1", b"01", b"-0", b"1e3", b"0x10", b"--1", b"99999999999999999999"]
FLOATS = [b"0", b"-0", b"1", b"-1.5", b"3.14159", b"0.1", b"1e10", b"1e-7", b"-2.5e3", b"17179869184.25", b"1e17", b"123456789.125"]
FLOAT_EDGES = [b"inf", b"-inf", b"+inf", b"nan", b"1e309", b"1.7976931348623157e308", b"5e-324", b"infinity", b"0x1p3", b" 1", b"1.5abc", b""]
JUNK = [b"", b"abc", b"-1", b"0", b"1.5", b"9223372036854775807", b"-9223372036854775808", b"18446744073709551616", b"nan", b"(1", b"[a", b"*"]
WORDS = [b"apple", b"pear", b"fig", b"Kiwi", b"zebra", b"", b"a", b"b", b"ab", b"abc", b"hello world", b"\x01\xff\r\n", b"-5", b"007", b"one"]
PATTERNS = [b"*", b"?", b"a*", b"*a*", b"[ab]*", b"[^a]*", b"k?", b"k[0-3]", b"k[^0-3]", b"\\*", b"", b"[a", b"*[1-9]", b"m1*", b"x", b"[z-a]*", b"a**b", b"k\\1"]
ALIENS = [b"alien:string", b"alien:list", b"alien:hash", b"alien:set", b"alien:zset"]
"""One key of each type, which every family meets now and then."""
ALIEN_SHARE = 0.03


def binary(random: Random, length: int) -> bytes:
    """Bytes of any kind but zero, before which a comparison by locale would end and leave the order open."""
    return random.randbytes(length).replace(b"\0", b"\1")


def values(random: Random) -> list[bytes]:
    """A round's values: short and long, text, numbers and binary."""
    pool = WORDS * 3 + [b"%d" % random.randint(-100, 100) for _ in range(40)] + FLOATS
    pool += [b"%d" % random.randint(-(1 << 63), (1 << 63) - 1) for _ in range(8)] + INTEGER_EDGES[:2]
    pool += [binary(random, random.randint(1, 12)) for _ in range(10)]
    pool += [b"x" * random.choice([20, 22, 23, 43, 44, 45, 63, 64, 65, 70, 128]) + b"%d" % number for number in range(12)]
    return pool + [binary(random, 300)]


class Arguments:
    """A source of arguments for one round of one family."""

    def __init__(self, random: Random, keys: int = 6, members: int = 30):
        self.random = random
        self.keys = [b"k%d" % number for number in range(keys)]
        self.lexkeys = [b"l%d" % number for number in range(3)]
        self.members = [b"m%d" % number for number in range(members)] + [b"%d" % number for number in range(-3, members // 2)]
        self.members += WORDS + [b"y" * 70]
        self.values = values(random)
        self.kinds = {name.removeprefix("_").replace("_", "-"): getattr(self, name) for name in dir(self) if name.startswith("_") and name[1] != "_"}

    def pick(self, pool):
        """One of a list, each as likely."""
        return pool[int(self.random.random() * len(pool))]

    def make(self, kind: str) -> bytes:
        """An argument of a kind."""
        return self.kinds[kind]()

    def _key(self):
        return self.pick(self.keys if self.random.random() > ALIEN_SHARE else ALIENS)

    def _own(self):
        return self.pick(self.keys)

    def _lexkey(self):
        return self.pick(self.lexkeys if self.random.random() > ALIEN_SHARE else ALIENS[:4])

    def _value(self):
        return self.pick(self.values)

    def _member(self):
        return self.pick(self.members)

    def _pattern(self):
        return self.pick(PATTERNS)

    def _int(self):
        draw = self.random.random()
        if draw < 0.75:
            return b"%d" % (int(draw * 1000) % 23 - 11)
        if draw < 0.92:
            return b"%d" % self.random.randint(-100_000, 100_000)
        return self.pick(INTEGER_EDGES if draw < 0.97 else NOT_INTEGERS)

    def _index(self):
        draw = self.random.random()
        if draw < 0.9:
            return b"%d" % (int(draw * 1000) % 30 - 12)
        return self.pick([b"0", b"-1", b"100", b"-100", *INTEGER_EDGES, b"abc"])

    def _count(self):
        return b"%d" % int(self.random.random() * 8) if self.random.random() < 0.95 else self.pick([b"-1", b"100", b"abc", b"9223372036854775807"])

    def _rcount(self):
        return self.pick([b"0", b"1", b"2", b"5", b"40", b"-1", b"-3", b"-20", b"500"])

    def _bytes(self):
        return self.pick([b"0", b"1", b"2", b"5", b"7", b"13", b"40", b"64", b"200", b"-1", b"536870912", b"abc"])

    def _bit(self):
        return b"%d" % int(self.random.random() * 200) if self.random.random() < 0.96 else self.pick([b"-1", b"4294967296", b"abc", b"1.0"])

    def _float(self):
        draw = self.random.random()
        if draw < 0.5:
            return b"%.2f" % self.random.uniform(-100, 100)
        return self.pick(FLOATS if draw < 0.94 else FLOAT_EDGES)

    def _score(self):
        draw = self.random.random()
        if draw < 0.6:
            return b"%d" % int(draw * 40)
        return self.pick(FLOATS) if draw < 0.97 else self.pick([b"inf", b"-inf", b"nan", b"abc", b"1e400", b""])

    def _bound(self):
        draw = self.random.random()
        if draw < 0.4:
            return self.pick([b"-inf", b"+inf", b"(-inf", b"(inf", b"inf"])
        text = b"%d" % int(self.random.random() * 24)
        return b"(" + text if draw < 0.6 else text if draw < 0.97 else self.pick([b"(", b"abc", b"nan", b"((1", b"[1"])

    def _lex(self):
        draw = self.random.random()
        if draw < 0.35:
            return b"-" if draw < 0.18 else b"+"
        return (b"[" if draw < 0.7 else b"(" if draw < 0.97 else b"") + self._member()

    def _ttl(self):
        if self.random.random() < 0.9:
            return b"%d" % self.random.randint(100, 10_000_000)
        return self.pick([b"0", b"-1", b"9223372036854775807", b"9223372036854775", b"-9223372036854775808", b"abc", b"1.5"])

    def _pttl(self):
        if self.random.random() < 0.9:
            return b"%d" % self.random.randint(100_000, 10_000_000_000)
        return self.pick([b"0", b"-1", b"9223372036854775807", b"-9223372036854775808", b"abc"])

    def _at(self):
        return self.pick([b"4102444800", b"4102444801", b"5000000000", b"1", b"0", b"-5", b"9223372036854775807", b"9223372036854775", b"abc"])

    def _pat(self):
        return self.pick([b"4102444800000", b"4102444800001", b"5000000000123", b"1", b"0", b"-5", b"9223372036854775807", b"abc"])

    def _cased(self):
        return self.pick([b"limit", b"LIMIT", b"Limit"])

    def _short(self):
        return self.pick([b"0.005", b"0.01", b".008"])

    def _bitkind(self):
        return self.pick([b"u8", b"i8", b"u1", b"i1", b"u63", b"i64", b"i5", b"u13", b"u64", b"i65", b"u0", b"x8", b"i16"])

    def _bitplace(self):
        return self.pick([b"0", b"1", b"7", b"100", b"#0", b"#1", b"#3", b"-1", b"abc", b"#-1", b"#"])

    def _keycount(self):
        return self.pick([b"1", b"2", b"2", b"2", b"3", b"0", b"-1", b"abc"])

    def _database(self):
        return self.pick([b"0", b"1", b"2", b"15", b"16", b"-1", b"abc"])

    def _sort_by(self):
        return self.pick([b"k*", b"*", b"alien:hash->*", b"k*->m1", b"k*->", b"*->n"])

    def _sort_get(self):
        return self.pick([b"#", b"k*", b"alien:hash->*", b"k*->m1", b"k*->", b"x"])
