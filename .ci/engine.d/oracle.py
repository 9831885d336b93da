"""Random operations against ours and redis-server as the oracle, every reply compared, from a seed."""

import time
from dataclasses import dataclass
from random import Random

import resp
from context import Context
from oracle_arguments import Arguments
from oracle_compare import shape, shown
from oracle_families import FAMILIES
from oracle_grammar import Row, rows
from oracle_pair import Pair, Stalled
from oracle_shrink import shrink
from oracle_steps import ALIENS, Step, alone, make
from servers import Fleet
from table import render

NAME = "oracle"
ROUND = 2000
"""So many steps between two times of emptying both servers."""
BATCH = 100
"""So many steps are pipelined."""
TIMES_SHOWN = 1
STEPS_SHOWN = 20
DROPPED_AFTER = 4
"""A command that has failed so often is left out from then on, so that the others are tested too."""


def add_options(parser):
    """The suite's options."""
    parser.add_argument("--operations", type=int, default=1_000_000, help="for each family; a million unless told")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other operations")
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="else all")


@dataclass
class Failure:
    """A sequence of steps whose last one is answered differently."""

    command: str
    ours: str
    theirs: str
    steps: list[Step]
    where: str

    def as_json(self) -> dict:
        """For a file."""
        return {"command": self.command, "ours": self.ours, "theirs": self.theirs, "commands": [shown_command(*c) for s in self.steps for c in s.commands], "where": self.where}


class Run:
    """One family's run."""

    def __init__(self, family: str, tables: dict[str, list[Row]], pair: Pair, context: Context):
        self.family, self.tables, self.pair, self.context = family, tables, pair, context
        self.rows = list(tables[family])
        self.failures: list[Failure] = []
        self.seen: dict[tuple, int] = {}
        self.times: dict[str, int] = {}
        self.operations = 0
        self.duration_s = 0.0

    def go(self, seed: int, wanted: int):
        """Rounds until enough has been done."""
        start, number = time.monotonic(), 0
        while self.operations < wanted and self.rows:
            self.round(f"{seed}:{self.family}:{number}", protocol=2 + number % 2, small=number % 4 > 1)
            number += 1
        self.duration_s = time.monotonic() - start

    def round(self, seed: str, protocol: int, small: bool):
        """Steps from one seed, up to the first difference."""
        arguments = Arguments(Random(seed))
        settings = (protocol, small)
        done = [alone("set-up", *words) for words in ALIENS]
        batch = list(done)
        weights = [row.weight for row in self.rows]
        self.pair.reset(*settings)
        for row in arguments.random.choices(self.rows, weights, k=ROUND):
            batch.append(make(row, arguments, self.tables))
            if len(batch) >= BATCH and not self.run_batch(done, batch, seed, settings):
                return
            if len(batch) >= BATCH:
                done, batch = done + batch, []
        if batch:
            self.run_batch(done, batch, seed, settings)

    def run_batch(self, done: list[Step], batch: list[Step], seed: str, settings) -> bool:
        """Whether a batch was answered alike."""
        self.operations += sum(len(step.commands) for step in batch)
        try:
            difference = self.pair.first_difference(batch)
        except Stalled as stalled:
            self.note_stall(done + batch, stalled, seed, settings)
            return False
        if difference is None:
            return True
        place, where, ours, theirs = difference
        self.note(done + batch[: place + 1], where, ours, theirs, seed, settings)
        return False

    def note(self, steps: list[Step], where: int, ours, theirs, seed: str, settings):
        """Remembers a failure; a new kind of failure is made short and shown."""
        step = steps[-1]
        signature = (step.name, shape(ours), "" if is_unknown(ours) else shape(theirs))
        self.count(step.name)
        self.seen[signature] = self.seen.get(signature, 0) + 1
        if self.seen[signature] > TIMES_SHOWN:
            return
        steps = shrink(steps, lambda fewer: self.fails_at_the_end(fewer, settings))
        found = self.try_steps(steps, settings)
        if isinstance(found, tuple):
            _, where, ours, theirs = found
        self.show(Failure(step.name, shown(ours), shown(theirs), steps, f"seed {seed}, RESP{settings[0]}, small limits {settings[1]}"), where)

    def note_stall(self, steps: list[Step], stalled: Stalled, seed: str, settings):
        """A server that ended or stopped answering: finds what does it."""
        length = next((n for n in range(1, len(steps) + 1) if n % BATCH == 0 and self.stalls(steps[:n], settings)), len(steps))
        steps = shrink([*steps[:length], alone("PING", b"PING")], lambda fewer: self.stalls(fewer, settings))
        name = steps[-2].name if len(steps) > 1 else "PING"
        self.count(name)
        signature = (name, "stalled")
        self.seen[signature] = self.seen.get(signature, 0) + 1
        if self.seen[signature] <= TIMES_SHOWN:
            self.show(Failure(name, str(stalled), "answers", steps, f"seed {seed}, RESP{settings[0]}, small limits {settings[1]}"), 0)

    def count(self, name: str):
        """Counts a command's failures, and drops the command when they are many."""
        self.times[name] = self.times.get(name, 0) + 1
        if self.times[name] >= DROPPED_AFTER:
            self.rows = [row for row in self.rows if row.name != name]

    def try_steps(self, steps: list[Step], settings):
        """The difference that steps make from nothing, or the stall."""
        try:
            self.pair.reset(*settings)
            return self.pair.first_difference(steps)
        except (Stalled, OSError, resp.Closed, RuntimeError) as error:
            return str(error)

    def fails_at_the_end(self, steps: list[Step], settings) -> bool:
        """Whether the last step is the first that is answered differently."""
        found = self.try_steps(steps, settings)
        return isinstance(found, tuple) and found[0] == len(steps) - 1

    def stalls(self, steps: list[Step], settings) -> bool:
        """Whether a server ends or stops answering."""
        return isinstance(self.try_steps(steps, settings), str)

    def show(self, failure: Failure, where: int):
        """Prints a failure as it is found."""
        self.failures.append(failure)
        print(f"\n{self.family}: {failure.command}: {failure.where}")
        if len(failure.steps) > STEPS_SHOWN:
            print(f"     ... {len(failure.steps) - STEPS_SHOWN} more steps; all are in the JSON")
        for step in failure.steps[-STEPS_SHOWN:]:
            for place, command in enumerate(step.commands):
                mark = "->" if step is failure.steps[-1] and place == where else "  "
                print(f"  {mark} {shown_command(*command)}")
        print(f"     ours:         {failure.ours}\n     redis-server: {failure.theirs}", flush=True)


def is_unknown(reply) -> bool:
    """Whether ours lacks the command: one case is enough, whatever redis-server says."""
    return isinstance(reply, resp.Error) and bytes(reply).startswith(b"ERR unknown command")


def shown_command(connection: int, words: list[bytes]) -> str:
    """A command for people."""
    text = " ".join(repr(word)[1:] if not word.isalnum() else word.decode() for word in words)
    return f"{'' if connection == 0 else f'(connection {connection}) '}{text[:300]}"


def run(context: Context) -> int:
    """Exit status 0 when every reply is the same."""
    options = context.options
    tables = {family: rows(table) for family, table in FAMILIES.items()}
    results = []
    with Fleet(context.fresh_folder(NAME), context.ports) as fleet:
        servers = [fleet.start(program, {"databases": "16"}) for program in (context.ours, context.redis)]
        for family in options.family or FAMILIES:
            result = Run(family, tables, Pair(*servers), context)
            result.go(options.seed, options.operations)
            results.append(result)
            context.say(f"{family}: {result.operations} operations, {len(result.failures)} kinds of differences, {result.duration_s:.0f} s")
    lines = [[r.family, r.operations, len(r.failures), ", ".join(sorted(n for n, t in r.times.items() if t >= DROPPED_AFTER))[:120], f"{r.duration_s:.0f}"] for r in results]
    print("\n" + render(["family", "operations", "kinds of differences", "left out after failing", "s"], lines))
    context.write_json(NAME, [{"family": r.family, "operations": r.operations, "failures": [f.as_json() for f in r.failures]} for r in results])
    return 1 if any(r.failures for r in results) else 0
