"""`shardform` against LocalStack for EC2, SSM and STS, and `shardform-node` for the ElastiCache that it lacks."""

from pathlib import Path

import peers
from check import check_equal
from commands import Redis, Shardform
from live import Stack, clients
from processes import clean_environment
from stack import CREATE_ALL, SSH_FROM, PlanFile, check_disk, check_key_file, check_keys, check_made, endpoint


def scenario(repository: Path, scratch: Path, binaries: Path, localstack_python: Path, **_):
    """Apply, use the cluster, destroy: each service at its own endpoint."""
    environment = clean_environment(scratch)
    plan_file = PlanFile(repository, scratch, ssh_from=SSH_FROM)
    with (
        peers.localstack(environment, scratch, localstack_python) as localstack,
        peers.node(environment, scratch, binaries, "--ec2-endpoint", localstack.url) as node,
    ):
        endpoints = {f"AWS_ENDPOINT_URL_{service}": localstack.url for service in ("EC2", "SSM", "STS")}
        endpoints["AWS_ENDPOINT_URL_ELASTICACHE"] = node.url
        live = Stack(plan_file.stack, clients(localstack.url, elasticache=node.url))
        shardform = Shardform(binaries, plan_file.path, environment | endpoints)

        shardform.expect_plan(plan_file.stack, CREATE_ALL)
        shardform.run("apply", "--yes")
        check_made(live, plan_file)
        check_disk(live)
        check_key_file(live, scratch, environment)
        check_equal(len(live.cache_clusters()), plan_file.members, "members in DescribeCacheClusters")
        shardform.expect_plan(plan_file.stack, {})

        redis = Redis(*endpoint(live), environment, scratch)
        check_keys(redis, plan_file)

        shardform.run("destroy", "--yes")
        check_equal(live.addresses(), set(), "what is left after destroy")
        check_equal(live.volumes(), [], "disks left after destroy")
        redis.expect_gone()
        shardform.expect_plan(plan_file.stack, CREATE_ALL)
