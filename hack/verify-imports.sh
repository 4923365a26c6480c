#!/usr/bin/env bash
# Dependencies point one way. .golangci.yml says the same of direct imports, in
# the editor; here it is everything that a package pulls in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
module=$(go list -m)
failed=0

# judge RULE PACKAGES: the rule is broken by these packages, if there are any.
judge() {
  if [[ -n $2 ]]; then
    printf '%s, but there is:\n' "$1"
    sed 's/^/  /' <<<"$2"
    failed=1
  fi
}

# Filters that may find nothing.
matching() { grep -E -- "$1" || true; }
without() { grep -vE -- "$1" || true; }

# A rule about packages that are not there would hold for ever.
for pattern in ./api/v1alpha1 ./controllers/... ./internal/cors/... ./internal/lint/... ./internal/s3/...; do
  found=$(go list "$pattern" 2>/dev/null)
  if [[ -z $found ]]; then
    echo "no package matches $pattern: mend hack/verify-imports.sh"
    failed=1
  fi
done

found=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./internal/cors/... |
  without "^$module/internal/cors(/|\$)")
judge "internal/cors imports the standard library only" "$found"

found=$(go list -deps ./internal/lint/... | matching "^$module/" |
  without "^$module/internal/(cors|lint)(/|\$)")
judge "internal/lint knows only the evaluator" "$found"

found=$(go list -deps ./controllers/... |
  matching "^($module/internal/(s3|cli)|github\.com/aws)(/|\$)")
judge "controllers reaches neither the storage adapter nor an AWS SDK" "$found"

# Those who do what is counted and traced are told nothing of who counts and traces.
found=$(go list -f '{{$path := .ImportPath}}{{range .Imports}}{{$path}} {{.}}{{"\n"}}{{end}}' ./controllers/... ./internal/s3/... |
  matching " ($module/internal/metrics|github\.com/prometheus|go\.opentelemetry\.io|sigs\.k8s\.io/controller-runtime/pkg/metrics)(/|\$)")
judge "controllers and internal/s3 know neither Prometheus nor OpenTelemetry" "$found"

# The first element of a path outside the standard library has a dot.
found=$(go list -f '{{join .Imports "\n"}}' ./api/v1alpha1 |
  matching '^[^/]+\.[^/]+/' | without '^k8s\.io/apimachinery/')
judge "api/v1alpha1 imports apimachinery only" "$found"

found=$(go list -deps ./internal/s3/... |
  matching "^(k8s\.io|sigs\.k8s\.io|$module/(api|controllers|internal/cli))(/|\$)")
judge "internal/s3 knows neither Kubernetes nor the reconcilers" "$found"

exit "$failed"
