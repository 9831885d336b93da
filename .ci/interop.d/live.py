"""What is live, read with boto3: a client that knows nothing of ours."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from check import Failure

TAG = "shardform:stack"
GONE_INSTANCE_STATES = {"terminated"}


def clients(url: str, **others: str):
    """A function from a service's name to its client; `others` names services that live at another URL."""
    cache = {}
    config = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=30, proxies={})

    def client(service: str):
        if service not in cache:
            cache[service] = boto3.client(
                service,
                endpoint_url=others.get(service, url),
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=config,
            )
        return cache[service]

    return client


def tags_of(described: list[dict]) -> dict[str, str]:
    """AWS's list of tags as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in described}


class Stack:
    """Everything of one stack that two or more services know about."""

    def __init__(self, name: str, client):
        self.name = name
        self.client = client
        self.filters = [{"Name": f"tag:{TAG}", "Values": [name]}]

    def addresses(self) -> set[str]:
        """What is live, in the words of `shardform`. A resource that has our name but not our tag is a failure."""
        found = set()
        if self.key_pairs():
            found.add("key_pair.client")
        if self.instances():
            found.add("instance.client")
        for group in self.security_groups():
            found.add(f"security_group.{group['GroupName'].removeprefix(f'{self.name}-')}")
        if self.cache_subnet_groups():
            found.add("subnet_group.cluster")
        if self.cache_parameter_groups():
            found.add("parameter_group.cluster")
        if self.replication_groups():
            found.add("replication_group.cluster")
        return found

    def key_pairs(self) -> list[dict]:
        """Key pairs with our tag, their public keys with them."""
        named = [{"Name": "key-name", "Values": [f"{self.name}-client"]}]
        self._tagged(self.client("ec2").describe_key_pairs(Filters=named)["KeyPairs"])
        return self.client("ec2").describe_key_pairs(Filters=self.filters, IncludePublicKey=True)["KeyPairs"]

    def security_groups(self) -> list[dict]:
        """Security groups with our tag."""
        named = [{"Name": "group-name", "Values": [f"{self.name}-client", f"{self.name}-cluster"]}]
        self._tagged(self.client("ec2").describe_security_groups(Filters=named)["SecurityGroups"])
        return self.client("ec2").describe_security_groups(Filters=self.filters)["SecurityGroups"]

    def instances(self) -> list[dict]:
        """Instances with our tag that are not terminated."""
        reservations = self.client("ec2").describe_instances(Filters=self.filters)["Reservations"]
        instances = [instance for reservation in reservations for instance in reservation["Instances"]]
        return [instance for instance in instances if instance["State"]["Name"] not in GONE_INSTANCE_STATES]

    def volumes(self) -> list[dict]:
        """Disks with our tag."""
        return self.client("ec2").describe_volumes(Filters=self.filters)["Volumes"]

    def cache_subnet_groups(self) -> list[dict]:
        """Cache subnet groups of our name."""
        groups = self.client("elasticache").describe_cache_subnet_groups()["CacheSubnetGroups"]
        return self._ours(groups, "CacheSubnetGroupName")

    def cache_parameter_groups(self) -> list[dict]:
        """Cache parameter groups of our name; none where the peer has no such call."""
        try:
            groups = self.client("elasticache").describe_cache_parameter_groups()["CacheParameterGroups"]
        except (ClientError, ResponseParserError):
            return []
        return self._ours(groups, "CacheParameterGroupName")

    def replication_groups(self) -> list[dict]:
        """Replication groups of our name, whatever state they are in."""
        groups = self.client("elasticache").describe_replication_groups()["ReplicationGroups"]
        return self._ours(groups, "ReplicationGroupId")

    def replication_group(self) -> dict:
        """The one replication group."""
        groups = self.replication_groups()
        if len(groups) != 1:
            raise Failure(f"there should be one replication group, and there are {len(groups)}")
        return groups[0]

    def cache_clusters(self) -> list[dict]:
        """Member clusters of the replication group."""
        clusters = self.client("elasticache").describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]
        return [cluster for cluster in clusters if cluster.get("ReplicationGroupId") == self.name]

    def _ours(self, groups: list[dict], name_field: str) -> list[dict]:
        named = [g for g in groups if g[name_field] == self.name or g[name_field].startswith(f"{self.name}-")]
        for group in named:
            tags = self.client("elasticache").list_tags_for_resource(ResourceName=group["ARN"])["TagList"]
            self._tagged([group | {"Tags": tags}])
        return named

    def _tagged(self, named: list[dict]):
        for resource in named:
            if tags_of(resource.get("Tags", [])).get(TAG) != self.name:
                raise Failure(f"has the stack's name, and lacks the tag {TAG}={self.name}: {resource}")
