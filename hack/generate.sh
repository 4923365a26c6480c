#!/usr/bin/env bash
# Writes everything that is generated from the Go sources: deep copies, apply
# configurations, CRDs, RBAC and the reference of the API.
#
#   hack/generate.sh           bring the generated files of this tree up to date
#   hack/generate.sh --check   only tell which are stale: exit status 1 if any is
#
# Generation happens in a copy of the tree, with the old output taken away. So a
# generator that stops half-way leaves the tree as it was, --check changes
# nothing, and output whose source is gone goes too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
controller_gen=$root/bin/tools/controller-gen
crd_ref_docs=$root/bin/tools/crd-ref-docs
header=hack/boilerplate.go.txt

for tool in "$controller_gen" "$crd_ref_docs"; do
  if [[ ! -x $tool ]]; then
    echo "${tool#"$root/"} is missing: run this through make, which builds it" >&2
    exit 2
  fi
done

# api_reference writes docs/api.md, without what its generator leaves of markers
# and line ends.
api_reference() {
  mkdir -p docs
  "$crd_ref_docs" --log-level=ERROR --source-path=api/v1alpha1 --config=hack/docs/config.yaml \
    --renderer=markdown --templates-dir=hack/docs/templates --output-path=docs/api.md >/dev/null
  sed -e 's/: \\{\\}//g' -e 's, *<br /> *|, |,g' -e 's,<br />, ,g' -e 's,\\\([{}]\),\1,g' -e 's/ *$//' docs/api.md | cat -s >docs/api.md.tidy
  mv docs/api.md.tidy docs/api.md
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/before"

# What git tracks or would track, as it is on disk, edits included.
git ls-files -z --cached --others --exclude-standard -- \
  go.mod go.sum main.go api controllers internal config/crd config/rbac hack/docs docs/api.md "$header" |
  while IFS= read -r -d '' file; do
    [[ -e $file ]] || continue # deleted, and not yet committed
    mkdir -p "$work/before/$(dirname "$file")"
    cp "$file" "$work/before/$file"
  done
cp -R "$work/before" "$work/after"

cd "$work/after"
rm -rf api/*/zz_generated.*.go api/*/applyconfiguration config/crd/bases config/rbac/role.yaml docs/api.md
{
  "$controller_gen" paths=./api/... \
    object:headerFile="$header" \
    applyconfiguration:headerFile="$header" \
    crd output:crd:dir=config/crd/bases
  "$controller_gen" paths=./controllers/... \
    rbac:roleName=bucketcors-manager output:rbac:dir=config/rbac
} 2>&1 | sed "s|$PWD/||g" # mistakes are in the tree, not in its copy
api_reference

cd "$work"
changes=$(git diff --no-index --no-renames --name-status before after || true)
if [[ -z $changes ]]; then
  exit 0
fi

stale=0
while IFS=$'\t' read -r kind path; do
  file=${path#*/} # without before/ or after/
  if [[ ${1:-} == --check ]]; then
    echo "stale: $file"
    stale=1
  elif [[ $kind == D ]]; then
    rm -f "$root/$file"
    echo "removed $file"
  else
    mkdir -p "$root/$(dirname "$file")"
    cp "after/$file" "$root/$file"
    echo "wrote $file"
  fi
done <<<"$changes"

if [[ $stale -ne 0 ]]; then
  git --no-pager diff --no-index --no-ext-diff before after || true
  echo "run \`make generate\` and commit what it writes"
  exit 1
fi
