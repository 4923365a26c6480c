#!/usr/bin/env bash
# Every kustomization under config/ builds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0
found=0

while IFS= read -r -d '' kustomization; do
  found=1
  if ! bin/tools/kustomize build "$(dirname "$kustomization")" >/dev/null; then
    failed=1
  fi
done < <(git ls-files -z --cached --others --exclude-standard -- 'config/*/kustomization.yaml')

if [[ $found -eq 0 ]]; then
  echo "there is no config/*/kustomization.yaml to build"
  failed=1
fi
exit "$failed"
