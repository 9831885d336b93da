"""What every scenario checks of the stack that `examples/quickstart.yaml` describes."""

import shutil
import stat
from pathlib import Path

import yaml

from check import check, check_equal
from commands import Redis, run
from live import TAG, Stack, tags_of

ADDRESSES = {
    "key_pair.client",
    "security_group.client",
    "instance.client",
    "security_group.cluster",
    "subnet_group.cluster",
    "replication_group.cluster",
}
# For moto and LocalStack, which have no prefix list of EC2 Instance Connect.
SSH_FROM = ["198.51.100.0/24"]
CREATE_ALL = dict.fromkeys(ADDRESSES, "create")
KEYS = 100


class PlanFile:
    """A scenario's own copy of `examples/quickstart.yaml`."""

    def __init__(self, repository: Path, scratch: Path, **client: object):
        text = (repository / "examples/quickstart.yaml").read_text()
        content = yaml.safe_load(text)
        self.path = scratch / "quickstart.yaml"
        self.stack = content["name"]
        cluster = content.get("cluster") or {}
        self.shards = cluster.get("shards", 3)
        self.members = self.shards * (1 + cluster.get("replicas_per_shard", 2))
        if client:
            content["client"] = (content.get("client") or {}) | client
            text = yaml.safe_dump(content, sort_keys=False)
        self.path.write_text(text)


def check_made(live: Stack, plan_file: PlanFile):
    """Checks what `apply` has made, with a client that is not ours."""
    check_equal(live.addresses(), ADDRESSES, "what is live after apply")
    name = plan_file.stack

    groups = {group["GroupName"]: group for group in live.security_groups()}
    check_equal(set(groups), {f"{name}-client", f"{name}-cluster"}, "names of the security groups")
    from_client = [
        pair["GroupId"]
        for permission in groups[f"{name}-cluster"]["IpPermissions"]
        for pair in permission["UserIdGroupPairs"]
    ]
    client_group = groups[f"{name}-client"]["GroupId"]
    check(client_group in from_client, "the client's group may reach the cluster", groups[f"{name}-cluster"])

    [instance] = live.instances()
    check_equal(instance["MetadataOptions"]["HttpTokens"], "required", "the instance metadata service's tokens")
    check_equal(instance["KeyName"], f"{name}-client", "key pair of the instance")
    used = {group["GroupId"] for group in instance["SecurityGroups"]}
    used |= {group["GroupId"] for port in instance["NetworkInterfaces"] for group in port["Groups"]}
    check_equal(used, {client_group}, "security groups of the instance")
    check_equal(tags_of(instance["Tags"]).get(TAG), name, "the instance's tag")

    group = live.replication_group()
    check_equal(group["ReplicationGroupId"], name, "replication group id")
    check_equal(group["Status"], "available", "status of the replication group")
    check_equal(group["ClusterEnabled"], True, "cluster mode")
    check_equal(len(group["NodeGroups"]), plan_file.shards, "shards")
    check_equal(len(group["MemberClusters"]), plan_file.members, "members")
    for node_group in group["NodeGroups"]:
        zones = [member["PreferredAvailabilityZone"] for member in node_group["NodeGroupMembers"]]
        check(len(zones) < 2 or len(set(zones)) > 1, "a shard's nodes are in more than one zone", node_group)


def check_disk(live: Stack):
    """Checks the client host's disk, where the peer has disks."""
    [volume] = live.volumes()
    check_equal(volume["Encrypted"], True, "encryption of the disk")


def check_key_file(live: Stack, scratch: Path, environment: dict[str, str]):
    """Checks that the private key is on this machine, for its owner alone, and belongs to the imported public key."""
    files = [path for path in scratch.rglob("*") if path.is_file() and is_private_key(path)]
    check_equal(len(files), 1, "private key files", *files)
    check_equal(stat.filemode(files[0].stat().st_mode), "-rw-------", f"mode of {files[0]}")
    if shutil.which("ssh-keygen", path=environment["PATH"]):
        derived = run(["ssh-keygen", "-y", "-f", files[0]], environment, scratch).stdout
        [pair] = live.key_pairs()
        check_equal(pair["PublicKey"].split()[:2], derived.split()[:2], "public key in EC2 and of the private key")


def is_private_key(path: Path) -> bool:
    """Whether `path` holds an OpenSSH private key."""
    try:
        with path.open("rb") as file:
            return b"OPENSSH PRIVATE KEY" in file.read(100)
    except OSError:
        return False


def check_keys(redis: Redis, plan_file: PlanFile):
    """Sets and gets keys of all shards through the configuration endpoint, and asks the engine about itself."""
    redis.ask("PING")
    names = [f"interop:{number}" for number in range(KEYS)]
    check_equal(ok(redis.ask_all([f"SET {name} value-{name}" for name in names])), ["OK"] * KEYS, "answers to SET")
    check_equal(ok(redis.ask_all([f"GET {name}" for name in names])), [f"value-{name}" for name in names], "GET")

    information = dict(line.split(":", 1) for line in redis.ask("CLUSTER", "INFO").split() if ":" in line)
    check_equal(information["cluster_state"], "ok", "cluster_state")
    check_equal(information["cluster_slots_assigned"], "16384", "cluster_slots_assigned")
    check_equal(information["cluster_known_nodes"], str(plan_file.members), "cluster_known_nodes")
    check_equal(information["cluster_size"], str(plan_file.shards), "cluster_size")
    role = redis.ask("ROLE").split()[0]
    check(role in ("master", "slave"), f"ROLE is {role!r}")


def ok(lines: list[str]) -> list[str]:
    """redis-cli's answers without its notes about redirections."""
    return [line for line in lines if not line.startswith("->")]


def endpoint(live: Stack) -> tuple[str, int]:
    """Host and port of the configuration endpoint."""
    address = live.replication_group()["ConfigurationEndpoint"]
    return address["Address"], address["Port"]
