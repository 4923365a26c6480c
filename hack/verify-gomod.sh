#!/usr/bin/env bash
# Every go.mod is tidy, and the product's go.mod requires directly only what the
# product links, or what drives the browser of its end-to-end tests: tools and test
# servers have modules of their own under hack/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off
failed=0

while IFS= read -r -d '' gomod; do
  dir=$(dirname "$gomod")
  if ! (cd "$dir" && go mod tidy -diff); then
    echo "$gomod is not tidy: run \`make tidy\`"
    failed=1
  fi
done < <(git ls-files -z --cached --others --exclude-standard -- go.mod '*/go.mod')

linked=$(go list -deps -test -f '{{with .Module}}{{.Path}}{{end}}' . ./test/e2e | sort -u)
direct=$(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all)
for module in $direct; do
  if ! grep -qxF "$module" <<<"$linked"; then
    echo "go.mod requires $module, which neither the product nor test/e2e links: move what needs it into a module of its own"
    failed=1
  fi
done
exit "$failed"
