"""Both servers side by side: sends the same steps to each and finds the first that is answered differently."""

from itertools import count

import resp
from oracle_steps import Step
from servers import Server

CONNECTIONS = 2
ANSWER_S = 20
SMALL = {
    "hash-max-listpack-entries": "6",
    "hash-max-listpack-value": "20",
    "list-max-listpack-size": "4",
    "set-max-intset-entries": "5",
    "zset-max-listpack-entries": "6",
    "zset-max-listpack-value": "20",
}
USUAL = {
    "hash-max-listpack-entries": "128",
    "hash-max-listpack-value": "64",
    "list-max-listpack-size": "-2",
    "set-max-intset-entries": "512",
    "zset-max-listpack-entries": "128",
    "zset-max-listpack-value": "64",
}
MARKS = count(1)


class Side:
    """One server with the connections that steps are sent on."""

    def __init__(self, server: Server):
        self.server = server
        self.connections: list[resp.Connection] = []

    def reset(self, protocol: int, limits: dict[str, str]):
        """No keys, new connections, the round's settings."""
        for connection in self.connections:
            connection.close()
        if not self.server.is_running:
            self.server.start()
        self.connections = [self.server.connect(ANSWER_S) for _ in range(CONNECTIONS)]
        first = self.connections[0]
        first.ask("FLUSHALL")
        first.ask("SCRIPT", "FLUSH")
        for name, value in limits.items():
            first.ask("CONFIG", "SET", name, value)
        for connection in self.connections:
            if protocol == 3:
                connection.ask("HELLO", "3")

    def send(self, connection: int, requests: bytes, mark: bytes):
        """Writes requests and the mark after them."""
        self.connections[connection].socket.sendall(requests + mark)

    def receive(self, connection: int, ending: bytes) -> bytes:
        """The replies to what was sent, without the mark's."""
        return self.connections[connection].read_through(ending)[: -len(ending)]


class Stalled(Exception):
    """A server has closed a connection or doesn't answer; the words say which."""


class Pair:
    """Ours and the oracle."""

    def __init__(self, ours: Server, theirs: Server):
        self.sides = (Side(ours), Side(theirs))

    def reset(self, protocol: int, small: bool):
        """Both as new."""
        for side in self.sides:
            side.reset(protocol, SMALL if small else USUAL)

    def first_difference(self, steps: list[Step]):
        """The place of a step, of a command in it, and both replies; `None` when all are answered alike."""
        commands = [(place, connection, words) for place, step in enumerate(steps) for connection, words in step.commands]
        exchanged = [(run, self._exchange(connection, run)) for connection, run in runs(commands)]
        if all(ours == theirs for _, (ours, theirs) in exchanged):
            return None
        answers: tuple[list[list], list[list]] = ([[] for _ in steps], [[] for _ in steps])
        for run, raws in exchanged:
            for side, raw in zip(answers, raws):
                for (place, _, _), reply in zip(run, replies(raw, len(run))):
                    side[place].append(reply)
        for place, (step, ours, theirs) in enumerate(zip(steps, *answers)):
            if (where := step.difference(ours, theirs)) is not None:
                return place, where, ours[where], theirs[where]
        return None

    def _exchange(self, connection: int, run) -> list[bytes]:
        number = b"mark-%d" % next(MARKS)
        mark, ending = resp.encode([b"ECHO", number]), b"$%d\r\n%b\r\n" % (len(number), number)
        requests = b"".join([resp.encode(words) for _, _, words in run])
        received = []
        for side in self.sides:
            self._guard(side, lambda side=side: side.send(connection, requests, mark))
        for side in self.sides:
            received.append(self._guard(side, lambda side=side: side.receive(connection, ending)))
        return received

    def _guard(self, side: Side, action):
        try:
            return action()
        except (OSError, resp.Closed) as error:
            state = "still runs" if side.server.is_running else "has ended"
            raise Stalled(f"{side.server.program.name} {state}: {error}") from error


def runs(commands):
    """Consecutive commands of one connection."""
    run = []
    for command in commands:
        if run and run[-1][1] != command[1]:
            yield run[-1][1], run
            run = []
        run.append(command)
    if run:
        yield run[-1][1], run


def replies(raw: bytes, wanted: int) -> list:
    """All replies of an answer; fewer or more than wanted are made as many, so that the place of the first odd one shows."""
    found, position = [], 0
    while position < len(raw) and len(found) < wanted:
        try:
            reply, position = resp.parse(raw, position)
        except (resp.Incomplete, ValueError, IndexError) as error:
            reply, position = resp.Error(b"(not a reply: %r %r)" % (str(error), raw[position : position + 60])), len(raw)
        found.append(reply)
    if position < len(raw):
        found[-1] = [found[-1], resp.Error(b"(and more than that was answered)")]
    return found + [resp.Error(b"(no reply)")] * (wanted - len(found))
