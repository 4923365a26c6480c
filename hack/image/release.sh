#!/usr/bin/env bash
# Checks that a version can be released from this checkout, builds its files, and
# prints how to publish them. It changes nothing outside of the directory it builds
# into: tagging and pushing is left to who reads the output.
#
#   hack/image/release.sh v0.1.0 ghcr.io/bucketcors/bucketcors dist
#
# With TAGGED=1 the version has its tag, and what is checked out is the tag: so
# .github/workflows/release.yaml calls it.
set -euo pipefail
version=$1
image=$2
dist=$3
tagged=${TAGGED:-}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
unset SOURCE_DATE_EPOCH # the time is that of the commit

failed=0
# check QUESTION COMMAND...: the command succeeds, else the question is not answered by yes.
check() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then
    printf 'ok    %s\n' "$what"
  else
    printf 'FAIL  %s\n' "$what"
    failed=1
  fi
}

is_version() { [[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; }
is_clean() { [[ -z $(git status --porcelain) ]]; }
on_main() { [[ $(git symbolic-ref --short HEAD) == main ]]; }
has_no_tag() { ! git rev-parse --verify --quiet "refs/tags/$version"; }
is_tagged() { [[ $(git rev-parse "refs/tags/$version^{commit}") == "$(git rev-parse HEAD)" ]]; }
changelog_has_it() { grep -qE "^## \[?v?${version#v}\]?( |$)" CHANGELOG.md; }
chart_has_it() {
  grep -qxF "version: ${version#v}" charts/bucketcors/Chart.yaml &&
    grep -qxF "appVersion: $version" charts/bucketcors/Chart.yaml
}
kustomization_has_it() { grep -qxE " +newTag: $version" config/manager/kustomization.yaml; }
has_origin() { git remote get-url origin >/dev/null 2>&1; }
is_pushed() { [[ $(git ls-remote origin refs/heads/main | cut -f1) == "$(git rev-parse HEAD)" ]]; }
is_of_main() { git merge-base --is-ancestor HEAD refs/remotes/origin/main; }
has_no_remote_tag() { local there; there=$(git ls-remote --tags origin "refs/tags/$version") && [[ -z $there ]]; }

check "$version is a version, such as v1.2.3 or v1.2.3-rc.1" is_version
[[ $failed -eq 0 ]] || exit 1
check "the tree has no changes, and no files that git does not know" is_clean
if [[ $tagged ]]; then
  check "the commit has the tag $version" is_tagged
  check "the commit is one of main at origin" is_of_main
else
  check "the branch is main" on_main
  check "there is no tag $version" has_no_tag
fi
check "CHANGELOG.md has a section $version" changelog_has_it
check "charts/bucketcors/Chart.yaml has version ${version#v} and appVersion $version" chart_has_it
check "config/manager/kustomization.yaml has newTag $version" kustomization_has_it
if [[ $tagged ]]; then
  : # origin was asked above
elif has_origin; then
  check "the commit is what origin has as main" is_pushed
  check "origin has no tag $version" has_no_remote_tag
else
  printf '?     there is no remote origin to compare with\n'
fi
if [[ $failed -ne 0 ]]; then
  printf '\nNothing was built. docs/releasing.md says what has to be done first.\n' >&2
  exit 1
fi
revision=$(git rev-parse HEAD)
if [[ ! $tagged ]]; then
  cat <<EOF

What cannot be seen from here: whether the tests passed on $revision.
Either CI says so, or run

    make test

EOF
fi

make dist VERSION="$version" IMAGE="$image" DIST="$dist"
(cd "$dist" && { sha256sum --check --quiet SHA256SUMS 2>/dev/null || shasum -a 256 --check --quiet SHA256SUMS; })
# The image comes first in the layout, the SBOMs after it.
digest=$(grep -o 'sha256:[0-9a-f]*' "$dist/image/index.json" | sed -n 1p)

cat <<EOF

Built $version from $revision with $(go env GOVERSION), in $dist:

$(sed 's/^/    /' "$dist/SHA256SUMS")

The image is $image:$version@$digest
EOF
[[ ! $tagged ]] || exit 0

cat <<EOF

Nothing was pushed. To publish, push the tag:

    git tag --annotate $version --message 'bucketcors $version' $revision
    git push origin $version

.github/workflows/release.yaml does the rest but for krew, whose index takes
$dist/bucketcors.yaml as plugins/bucketcors.yaml. By hand, from what was built here:

    make publish VERSION=$version IMAGE=$image DIST=$dist
    cosign sign $image@$digest
    cosign sign CHART@DIGEST    # as make publish prints it
    cd $dist
    cosign sign-blob --bundle SHA256SUMS.sigstore.json SHA256SUMS
    gh release create $version --verify-tag --title $version \\
      --notes-file <(make --silent -C '$PWD' release-notes VERSION=$version) \\
      \$(cut -c67- SHA256SUMS) SHA256SUMS SHA256SUMS.sigstore.json
EOF
