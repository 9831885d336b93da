#!/bin/bash
# Prepares the client host: redis-cli from the redis-stable source, with TLS. May run any number of times.
set -euo pipefail
exec > >(tee -a /var/log/shardform-client.log) 2>&1

ready=/var/lib/shardform-client-ready
rm -f "$ready"

if ! [ -x /usr/local/bin/redis-cli ]; then
  # Another package job may hold the lock on a host that has just started.
  for attempt in 1 2 3 4 5; do
    dnf install -y gcc make openssl-devel tar gzip && break
    [ "$attempt" -lt 5 ] || exit 1
    sleep $((attempt * 5))
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  curl --fail --silent --show-error --location --retry 5 \
    --output "$work/redis-stable.tar.gz" https://download.redis.io/redis-stable.tar.gz
  tar -xzf "$work/redis-stable.tar.gz" -C "$work"
  make -C "$work/redis-stable" BUILD_TLS=yes redis-cli
  install -m 0755 "$work/redis-stable/src/redis-cli" /usr/local/bin/redis-cli
fi
/usr/local/bin/redis-cli --version

date -u +%Y-%m-%dT%H:%M:%SZ > "$ready"
