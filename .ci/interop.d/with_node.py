"""`shardform` against `shardform-node` alone, read back with the `aws` command line and used with `redis-cli`."""

from pathlib import Path

import peers
from asking import check_asking
from check import check, check_equal
from commands import Redis, Shardform, aws
from live import TAG, Stack, clients, tags_of
from processes import clean_environment, descendants, running_below
from prompting import check_prompt
from stack import CREATE_ALL, PlanFile, check_key_file, check_keys, check_made, endpoint


def scenario(repository: Path, scratch: Path, binaries: Path, **_):
    """The quickstart as it stands."""
    environment = clean_environment(scratch)
    plan_file = PlanFile(repository, scratch)
    with peers.node(environment, scratch, binaries) as node:
        live = Stack(plan_file.stack, clients(node.url))
        shardform = Shardform(binaries, plan_file.path, environment, "--endpoint-url", node.url)

        shardform.expect_plan(plan_file.stack, CREATE_ALL)
        check_asking(node.url, environment, binaries, plan_file, live)
        shardform.run("apply", "--yes")
        check_made(live, plan_file)
        check_key_file(live, scratch, environment)
        shardform.expect_plan(plan_file.stack, {})
        check_equal(shardform.run("status", "--json").json()["stack"], plan_file.stack, "stack in the status")

        check_with_aws(node.url, environment, scratch, plan_file)
        redis = Redis(*endpoint(live), environment, scratch)
        check_keys(redis, plan_file)
        check_prompt(node.url, environment, binaries, plan_file.path)
        engines = descendants(node.child.pid)
        check(len(engines) >= plan_file.members, "an engine process for each member", engines)

        shardform.run("destroy", "--yes")
        check_equal(live.addresses(), set(), "what is left after destroy")
        redis.expect_gone()
        check_equal(engines.keys() & descendants(node.child.pid).keys(), set(), "engine processes after destroy")

        check_equal(node.end(), {}, "processes that shardform-node leaves running when it is asked to end")
        check_equal(node.child.returncode, 0, "status of shardform-node")
        check_equal(running_below(peers.node_state(scratch)), {}, "processes left in shardform-node's state folder")


def check_with_aws(url: str, environment: dict[str, str], scratch: Path, plan_file: PlanFile):
    """Reads the stack back with the command line that most people have."""
    name = plan_file.stack

    def describe(service: str, operation: str, *options: str) -> dict:
        return aws(url, environment, scratch, service, operation, *options)

    ours = ("--filters", f"Name=tag:{TAG},Values={name}")

    group_id = ("--replication-group-id", name)
    [group] = describe("elasticache", "describe-replication-groups", *group_id)["ReplicationGroups"]
    check_equal(group["Status"], "available", "describe-replication-groups: status")
    check_equal(len(group["MemberClusters"]), plan_file.members, "describe-replication-groups: members")
    check_equal([g["NodeGroupId"] for g in group["NodeGroups"]], shard_ids(plan_file), "node group ids")
    check_equal(covered_slots(group), list(range(16384)), "slots of the node groups")
    check_equal(group["AutomaticFailover"], "enabled", "AutomaticFailover")

    clusters = describe("elasticache", "describe-cache-clusters", "--show-cache-node-info")["CacheClusters"]
    members = {cluster["CacheClusterId"]: cluster for cluster in clusters}
    check_equal(sorted(members), sorted(group["MemberClusters"]), "describe-cache-clusters: members")
    for cluster in members.values():
        check_equal(cluster["CacheClusterStatus"], "available", "status of a member", cluster)
        check_equal(cluster["CacheSubnetGroupName"], f"{name}-cluster", "subnet group of a member")
        check_equal(len(cluster["SecurityGroups"]), 1, "security groups of a member")
        check_equal(len(cluster["CacheNodes"]), 1, "nodes of a member", cluster)

    groups = describe("ec2", "describe-security-groups", *ours)["SecurityGroups"]
    check_equal({g["GroupName"] for g in groups}, {f"{name}-client", f"{name}-cluster"}, "describe-security-groups")
    cluster_group = next(g["GroupId"] for g in groups if g["GroupName"] == f"{name}-cluster")
    used = {g["SecurityGroupId"] for cluster in members.values() for g in cluster["SecurityGroups"]}
    check_equal(used, {cluster_group}, "security groups of the members")

    reservations = describe("ec2", "describe-instances", *ours)["Reservations"]
    [instance] = [instance for reservation in reservations for instance in reservation["Instances"]]
    check_equal(instance["State"]["Name"], "running", "describe-instances: state")

    [pair] = describe("ec2", "describe-key-pairs", *ours)["KeyPairs"]
    check_equal(pair["KeyName"], f"{name}-client", "describe-key-pairs")
    check_equal(pair["KeyType"], "ed25519", "describe-key-pairs: type")

    subnets = ("--cache-subnet-group-name", f"{name}-cluster")
    [subnet_group] = describe("elasticache", "describe-cache-subnet-groups", *subnets)["CacheSubnetGroups"]
    check_equal(subnet_group["VpcId"], groups[0]["VpcId"], "VPC of the subnet group")
    check(len(subnet_group["Subnets"]) >= 2, "subnets of the subnet group", subnet_group)

    for arn in (group["ARN"], subnet_group["ARN"]):
        tags = tags_of(describe("elasticache", "list-tags-for-resource", "--resource-name", arn)["TagList"])
        check_equal(tags.get(TAG), name, f"tag of {arn}", tags)


def shard_ids(plan_file: PlanFile) -> list[str]:
    """`0001`, `0002` and so on."""
    return [f"{number:04}" for number in range(1, plan_file.shards + 1)]


def covered_slots(group: dict) -> list[int]:
    """Every hash slot of the node groups, ascending."""
    ranges = [part.split("-") for g in group["NodeGroups"] for part in g["Slots"].split(",")]
    return sorted(slot for first_last in ranges for slot in range(int(first_last[0]), int(first_last[-1]) + 1))
