"""Memory of a server that holds many small keys."""

import time

from context import Context
from resp import encode, information
from servers import Fleet, Program

CHUNK = 10_000


def memory_of_keys(context: Context, program: Program, keys: int) -> tuple[int, int]:
    """Resident memory and `used_memory` with so many keys of about ten bytes and values of as many."""
    with Fleet(context.fresh_folder("figures"), context.ports) as fleet:
        server = fleet.start(program)
        with server.connect(timeout_s=120) as connection:
            for first in range(0, keys, CHUNK):
                last = min(first + CHUNK, keys)
                mark = b"$%d\r\n%d\r\n" % (len(str(first)), first)
                chunk = [b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(k), k, len(v), v) for k, v in pairs(first, last)]
                connection.socket.sendall(b"".join(chunk) + encode([b"ECHO", b"%d" % first]))
                connection.read_through(mark)
            time.sleep(1)
            size = connection.ask("DBSIZE")
            if size != keys:
                raise RuntimeError(f"{program.name} should hold {keys} keys: {size!r}")
            return server.resident_bytes(), int(information(connection, "memory")["used_memory"])


def pairs(first: int, last: int):
    """Keys and values."""
    return ((b"key:%d" % number, b"value:%d" % number) for number in range(first, last))
