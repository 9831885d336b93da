"""How each peer is started, and how it shows that it is ready."""

import sys
import urllib.request
from pathlib import Path

from live import clients
from processes import Process, free_port

# moto, also the one inside LocalStack, then refuses unknown images, keys and instance types as EC2 does.
STRICT_EC2 = {
    "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
}


def answers(url: str) -> bool:
    """Whether a GET of `url` gives 200."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
        return answer.status == 200


class Peer(Process):
    """A process with an HTTP endpoint on loopback."""

    def __init__(self, name: str, port: int, command: list, environment: dict[str, str], scratch: Path):
        super().__init__(name, command, environment, scratch)
        self.url = f"http://127.0.0.1:{port}"


def moto(environment: dict[str, str], scratch: Path) -> Peer:
    """moto's server; this script runs in its virtual environment."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    peer = Peer("moto", port, command, environment | STRICT_EC2, scratch)
    peer.wait_until(lambda: answers(f"{peer.url}/moto-api/"), deadline_s=60)
    return peer


def reset_moto(peer: Peer):
    """Forgets everything that was made in `peer`."""
    urllib.request.urlopen(urllib.request.Request(f"{peer.url}/moto-api/reset", method="POST"), timeout=10).close()


def localstack(environment: dict[str, str], scratch: Path, python: Path) -> Peer:
    """LocalStack, run by the `python` of its virtual environment."""
    port = free_port()
    settings = {
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_SERVER": "hypercorn",  # the default server listens on all addresses, whatever GATEWAY_LISTEN says
        "FILESYSTEM_ROOT": str(scratch / "localstack"),
        "OVERRIDE_IN_DOCKER": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
    }
    command = [python, "-B", Path(__file__).with_name("start_localstack.py")]
    peer = Peer("localstack", port, command, environment | STRICT_EC2 | settings, scratch)
    peer.wait_until(lambda: answers(f"{peer.url}/_localstack/health"), deadline_s=120)
    return peer


def node(environment: dict[str, str], scratch: Path, binaries: Path, *options: str) -> Peer:
    """`shardform-node serve`."""
    port = free_port()
    command = [binaries / "shardform-node", "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--state-dir", node_state(scratch), *options]
    peer = Peer("shardform-node", port, command, environment, scratch)
    peer.wait_until(lambda: clients(peer.url)("sts").get_caller_identity(), deadline_s=30)
    return peer


def node_state(scratch: Path) -> Path:
    """Where `shardform-node` keeps its state and its cache nodes' files."""
    return scratch / "node"
