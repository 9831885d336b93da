"""The Redis protocol, both versions, from the client's side: requests out, replies in. Knows no command."""

import socket

HOST = "127.0.0.1"


class Simple(bytes):
    """A status, such as OK."""


class Error(bytes):
    """An error reply, without its minus sign."""


class Double(bytes):
    """RESP3: a floating point number, as it was worded."""


class Boolean(bytes):
    """RESP3: `t` or `f`."""


class BigNumber(bytes):
    """RESP3: an integer of any size."""


class Verbatim(bytes):
    """RESP3: a string with its three-letter format and a colon before it."""


class Map(list):
    """RESP3: keys and values, one after the other."""


class Set(list):
    """RESP3: members in no order."""


class Push(list):
    """RESP3: a message that nobody asked for."""


class Incomplete(Exception):
    """The buffer ends in the middle of a reply."""


class Closed(Exception):
    """The server has closed the connection."""


SCALARS = {
    ord("+"): Simple,
    ord("-"): Error,
    ord(":"): int,
    ord(","): Double,
    ord("#"): Boolean,
    ord("("): BigNumber,
}
AGGREGATES = {ord("*"): (list, 1), ord("%"): (Map, 2), ord("~"): (Set, 1), ord(">"): (Push, 1), ord("|"): (Map, 2)}
ATTRIBUTE = ord("|")


def encode(arguments) -> bytes:
    """A request of byte strings, as an array of bulk strings."""
    return b"*%d\r\n" % len(arguments) + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in arguments])


def parse(buffer: bytes, position: int):
    """The reply that begins at `position`, and where it ends. Every kind of null is None."""
    end = buffer.find(b"\r\n", position)
    if end < 0:
        raise Incomplete
    kind, after = buffer[position], end + 2
    if kind in SCALARS:
        return SCALARS[kind](buffer[position + 1 : end]), after
    if kind == ord("_"):
        return None, after
    length = int(buffer[position + 1 : end])
    if length < 0:
        return None, after
    if kind in AGGREGATES:
        return parse_aggregate(buffer, after, kind, length)
    if kind not in b"$=!":
        raise ValueError(f"not a reply: {buffer[position : position + 40]!r}")
    if len(buffer) < after + length + 2:
        raise Incomplete
    text = buffer[after : after + length]
    return (text if kind == ord("$") else Verbatim(text) if kind == ord("=") else Error(text)), after + length + 2


def parse_aggregate(buffer: bytes, position: int, kind: int, length: int):
    """The elements of an aggregate; an attribute is passed over for the reply that it belongs to."""
    maker, width = AGGREGATES[kind]
    elements = maker()
    for _ in range(length * width):
        element, position = parse(buffer, position)
        elements.append(element)
    return parse(buffer, position) if kind == ATTRIBUTE else (elements, position)


def as_bytes(argument) -> bytes:
    """An argument of a request: bytes as they are, anything else as its text."""
    return argument if isinstance(argument, bytes) else str(argument).encode()


class Connection:
    """One connection to a server on loopback."""

    def __init__(self, port: int, timeout_s: float = 30, host: str = HOST):
        self.port = port
        self.socket = socket.create_connection((host, port), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the connection; closing twice does no harm."""
        self.socket.close()

    def send(self, *requests):
        """Writes requests, each a sequence of arguments, without reading a reply."""
        self.socket.sendall(b"".join([encode([as_bytes(part) for part in request]) for request in requests]))

    def read(self):
        """The next reply."""
        while True:
            try:
                reply, end = parse(self.buffer, 0)
            except Incomplete:
                self._receive()
                continue
            self.buffer = self.buffer[end:]
            return reply

    def read_through(self, ending: bytes) -> bytes:
        """Everything up to and with `ending`, with which the server's output must end."""
        parts, tail = [self.buffer], self.buffer[-len(ending) :]
        while tail != ending:
            part = self._receive_part()
            parts.append(part)
            tail = (tail + part)[-len(ending) :]
        self.buffer = b""
        return b"".join(parts)

    def ask(self, *arguments):
        """One command's reply."""
        self.send(arguments)
        return self.read()

    def _receive(self):
        self.buffer += self._receive_part()

    def _receive_part(self) -> bytes:
        part = self.socket.recv(1 << 18)
        if not part:
            raise Closed(f"port {self.port} has closed the connection")
        return part


def ask(port: int, *arguments, timeout_s: float = 5):
    """One command on a connection of its own."""
    with Connection(port, timeout_s) as connection:
        return connection.ask(*arguments)


def information(connection: Connection, *sections: str) -> dict[str, str]:
    """INFO as a dictionary."""
    text = connection.ask("INFO", *sections)
    lines = bytes(text).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
