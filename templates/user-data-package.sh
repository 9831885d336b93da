#!/bin/bash
# Prepares the client host: redis-cli from the distribution's package. May run any number of times.
set -euo pipefail
exec > >(tee -a /var/log/shardform-client.log) 2>&1

ready=/var/lib/shardform-client-ready
rm -f "$ready"

if ! command -v redis6-cli >/dev/null; then
  # Another package job may hold the lock on a host that has just started.
  for attempt in 1 2 3 4 5; do
    dnf install -y redis6 && break
    [ "$attempt" -lt 5 ] || exit 1
    sleep $((attempt * 5))
  done
fi
# Amazon Linux 2023 names it after its major version.
ln -sfn "$(command -v redis6-cli)" /usr/local/bin/redis-cli
/usr/local/bin/redis-cli --version

date -u +%Y-%m-%dT%H:%M:%SZ > "$ready"
