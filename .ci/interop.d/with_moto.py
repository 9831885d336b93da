"""`shardform` against moto, whose EC2 is strict, and whose ElastiCache knows the calls but keeps no nodes."""

from pathlib import Path

import peers
from check import check, check_equal
from commands import SOMETHING_LEFT, Shardform
from live import Stack, clients
from processes import clean_environment
from stack import ADDRESSES, CREATE_ALL, SSH_FROM, PlanFile, check_disk, check_key_file, check_made

# moto says `deleting` of a deleted replication group for ever, and can't delete a cache subnet group. What a real
# group would still use while it is deleted may stay with it; nothing else may.
MAY_STAY = {"replication_group.cluster", "subnet_group.cluster", "security_group.cluster", "security_group.client"}
MUST_STAY = {"replication_group.cluster", "subnet_group.cluster"}


def scenario(repository: Path, scratch: Path, binaries: Path, **_):
    """Plan, apply, find and mend drift, destroy."""
    environment = clean_environment(scratch)
    plan_file = PlanFile(repository, scratch, ssh_from=SSH_FROM)
    with peers.moto(environment, scratch) as moto:
        live = Stack(plan_file.stack, clients(moto.url))
        shardform = Shardform(binaries, plan_file.path, environment, "--endpoint-url", moto.url)

        shardform.run("validate")
        shardform.expect_plan(plan_file.stack, CREATE_ALL)
        check_equal(live.addresses(), set(), "what is live before apply: a plan makes nothing")

        shardform.run("apply", "--yes")
        check_made(live, plan_file)
        check_disk(live)
        check_key_file(live, scratch, environment)
        shardform.expect_plan(plan_file.stack, {})
        check_equal(shardform.run("status", "--json").json()["stack"], plan_file.stack, "stack in the status")

        revoke_ssh(live, plan_file)
        shardform.expect_plan(plan_file.stack, {"security_group.client": "update"})
        shardform.run("apply", "--yes")
        shardform.expect_plan(plan_file.stack, {})
        check_made(live, plan_file)

        outcome = shardform.run("destroy", "--yes", "--timeout", "20s", wanted=(SOMETHING_LEFT,))
        left = live.addresses()
        check(MUST_STAY <= left <= MAY_STAY, f"what is left after destroy: {sorted(left)}", outcome)
        check_equal(live.replication_group()["Status"], "deleting", "status of the replication group")
        outcome.says("deleting")
        check_equal(named_as_left(outcome.text), left, "what destroy reports as left, and what is", outcome)

        peers.reset_moto(moto)
        check_equal(live.addresses(), set(), "what is live after a reset")
        shardform.run("destroy", "--yes")


def revoke_ssh(live: Stack, plan_file: PlanFile):
    """Takes away the rule that lets ssh in, as somebody in the console would."""
    [group] = [group for group in live.security_groups() if group["GroupName"] == f"{plan_file.stack}-client"]
    live.client("ec2").revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])


def named_as_left(text: str) -> set[str]:
    """Addresses in the last part of the output, from the line that speaks of what is left."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if "left" in line.lower()]
    check(starts, "destroy should say what is left", text)
    return {address for address in ADDRESSES if any(address in line for line in lines[starts[0] :])}
