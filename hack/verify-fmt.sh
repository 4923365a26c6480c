#!/usr/bin/env bash
# Go files are formatted, imports in three groups, in every module of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! bin/tools/golangci-lint fmt --diff; then
  echo "run \`make fmt\`"
  exit 1
fi
