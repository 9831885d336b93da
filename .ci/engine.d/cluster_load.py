"""Writers that load a cluster while it changes, and the account of what was acknowledged to them."""

import random
import threading
import time

import resp
from cluster import SLOTS, key_slot

PAUSE_S = 0.001
LEARN_PAUSE_S = 0.1
REFUSED_PAUSE_S = 0.01


class Client:
    """A cluster client for one thread: learns where slots are from MOVED, follows ASK, takes whoever answers."""

    def __init__(self, ports: list[int], seed: int):
        self.ports, self.random = ports, random.Random(seed)
        self.places: list[int | None] = [None] * SLOTS
        self.connections: dict[int, resp.Connection] = {}
        self.learn_again = 0.0

    def once(self, key: bytes, *request):
        """One try: the reply, or `None` where it is not known what came of the request."""
        slot = key_slot(key)
        if self.places[slot] is None:
            self._learn()
        port = self.places[slot] or self.random.choice(self.ports)
        reply = self._exchange(port, slot, [request])
        if isinstance(reply, resp.Error):
            words = bytes(reply).decode().split()
            if words[0] == "MOVED":
                self.places[slot] = int(words[2].rpartition(":")[2])
            elif words[0] == "ASK":
                return self._exchange(int(words[2].rpartition(":")[2]), slot, [(b"ASKING",), request])
            else:
                self.places[slot] = None
        return reply

    def _learn(self):
        """Asks somebody where all slots are; not again and again while nobody knows."""
        if time.monotonic() < self.learn_again:
            return
        self.learn_again = time.monotonic() + LEARN_PAUSE_S
        entries = self._exchange(self.random.choice(self.ports), 0, [(b"CLUSTER", b"SLOTS")])
        for first, last, primary, *_ in entries if isinstance(entries, list) else ():
            self.places[first : last + 1] = [primary[1]] * (last - first + 1)

    def _exchange(self, port: int, slot: int, requests):
        try:
            if port not in self.connections:
                self.connections[port] = resp.Connection(port, timeout_s=1)
            connection = self.connections[port]
            connection.send(*requests)
            return [connection.read() for _ in requests][-1]
        except (OSError, resp.Closed):
            self.places[slot] = None
            if connection := self.connections.pop(port, None):
                connection.close()
            return None

    def close(self):
        """Closes its connections."""
        for connection in self.connections.values():
            connection.close()


class Load:
    """Threads that write ever new keys. Use it in a `with`."""

    def __init__(self, ports: list[int], writers: int):
        self.ports = ports
        self.acknowledged: list[dict[bytes, float]] = [{} for _ in range(writers)]
        self.errors: dict[str, int] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,), daemon=True) for number in range(writers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the writers."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int):
        client, noted, count = Client(self.ports, number), self.acknowledged[number], 0
        while not self._stop.is_set():
            key = b"load:%d:%d" % (number, count)
            reply = client.once(key, b"SET", key, b"%d" % count)
            if reply == b"OK":
                noted[key] = time.monotonic()
                count += 1
            elif isinstance(reply, resp.Error):
                word = bytes(reply).split()[0].decode()
                self.errors[word] = self.errors.get(word, 0) + 1
                if word not in ("MOVED", "ASK"):
                    time.sleep(REFUSED_PAUSE_S)
            else:
                # Whether a request without a reply was carried out isn't known: its key is left alone.
                count += 1
                time.sleep(REFUSED_PAUSE_S)
            time.sleep(PAUSE_S)
        client.close()

    def times(self) -> list[float]:
        """When writes were acknowledged, ascending."""
        return sorted(moment for noted in self.acknowledged for moment in list(noted.values()))

    def lost(self, deadline_s: float = 120) -> dict[bytes, float]:
        """Acknowledged keys that the cluster doesn't hold, with the time of their acknowledgement."""
        client, missing = Client(self.ports, 0), {}
        end = time.monotonic() + deadline_s
        for noted in self.acknowledged:
            for key, moment in noted.items():
                while (reply := client.once(key, b"EXISTS", key)) not in (0, 1):
                    if time.monotonic() > end:
                        raise RuntimeError(f"no answer about {key!r}: {reply!r}")
                    time.sleep(0.001)
                if reply == 0:
                    missing[key] = moment
        client.close()
        return missing
