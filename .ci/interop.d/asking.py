"""`apply` at a terminal: what it asks, and what an answer is worth when the cloud has changed meanwhile."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from check import Failure, check, check_equal
from live import Stack, clients
from stack import PlanFile

QUESTION = "[y/N]"


def check_asking(url: str, environment: dict[str, str], binaries: Path, plan_file: PlanFile, live: Stack):
    """No is no; and what was confirmed is what runs, or nothing is."""
    command = [str(binaries / "shardform"), "--endpoint-url", url, "apply", str(plan_file.path)]

    status, said = answer(command, environment, plan_file.path.parent, "n", lambda: None)
    check_equal(status, 1, "status of an apply that is declined", said)
    check_equal(live.addresses(), set(), "what a declined apply has made")

    ec2 = clients(url)("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    made = []

    def meanwhile():
        group = ec2.create_security_group(GroupName=f"{plan_file.stack}-cluster", Description="theirs", VpcId=vpc)
        made.append(group["GroupId"])

    status, said = answer(command, environment, plan_file.path.parent, "y", meanwhile)
    check_equal(status, 1, "status of an apply that something has come in between", said)
    check("changed meanwhile" in said, "apply says that something has come in between", said)
    ec2.delete_security_group(GroupId=made[0])
    check_equal(live.addresses(), set(), "what an apply has made after something came in between")


def answer(command: list[str], environment: dict[str, str], folder: Path, word: str, meanwhile, deadline_s: float = 30):
    """Runs `command` at a terminal, calls `meanwhile` when it asks, and answers. Its status, and all that it said."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command, env=environment | {"TERM": "xterm"}, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said, asked, deadline = "", False, time.monotonic() + deadline_s
    try:
        while True:
            if not select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no end of {' '.join(command)} at a terminal:\n{said}")
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux tells so that the other side has closed.
                part = b""
            if not part:
                return child.wait(timeout=10), said
            said += part.decode(errors="replace")
            if QUESTION in said and not asked:
                asked = True
                meanwhile()
                os.write(ours, f"{word}\n".encode())
    finally:
        os.close(ours)
        if child.poll() is None:
            child.kill()
            child.wait()
