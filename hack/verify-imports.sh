#!/usr/bin/env bash
# Dependencies point one way. .golangci.yml says the same of direct imports, in
# the editor; here it is everything that a package pulls in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
module=$(go list -m)
failed=0

# complain RULE PACKAGES: says that the rule is broken by these, if any.
complain() {
  if [[ -n $2 ]]; then
    printf '%s, but there is:\n' "$1"
    sed 's/^/  /' <<<"$2"
    failed=1
  fi
}

# packages PATTERN…: their import paths; a rule about nothing is a mistake.
packages() {
  local found
  found=$(go list "$@" 2>/dev/null)
  if [[ -z $found ]]; then
    echo "no package matches $*: mend hack/verify-imports.sh" >&2
    return 1
  fi
  printf '%s\n' "$found"
}

# matching REGEX, without REGEX: filters that may find nothing.
matching() { grep -E -- "$1" || true; }
without() { grep -vE -- "$1" || true; }

for pattern in ./internal/cors/... ./controllers/... ./api/v1alpha1; do
  packages "$pattern" >/dev/null || failed=1
done

complain "internal/cors imports the standard library only" \
  "$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./internal/cors/... |
    without "^$module/internal/cors(/|\$)")"

complain "controllers reaches neither the storage adapter nor an AWS SDK" \
  "$(go list -deps ./controllers/... |
    matching "^($module/internal/(s3|cli)|github\.com/aws)(/|\$)")"

complain "api/v1alpha1 imports apimachinery only" \
  "$(go list -f '{{join .Imports "\n"}}' ./api/v1alpha1 |
    matching '^[^/]+\.[^/]+/' | without '^k8s\.io/apimachinery/')"

complain "internal/s3 knows neither Kubernetes nor the reconcilers" \
  "$(go list -deps ./internal/s3/... |
    matching "^(k8s\.io|sigs\.k8s\.io|$module/(api|controllers)|$module/internal/cli)(/|\$)")"

exit "$failed"
