#!/usr/bin/env bash
# Prints config/default with the image of a version:
#
#   hack/image/install-manifest.sh ghcr.io/bucketcors/bucketcors v0.1.0
set -euo pipefail
image=$1
version=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# kustomize wants relative paths, and what it builds on in a directory of its own.
mkdir -p bin
overlay=$(mktemp -d bin/install-manifest.XXXXXX)
trap 'rm -rf "$overlay"' EXIT
cat >"$overlay/kustomization.yaml" <<EOF
resources:
- ../../config/default
images:
- name: ghcr.io/bucketcors/bucketcors
  newName: $image
  newTag: "$version"
EOF
bin/tools/kustomize build "$overlay" >"$overlay/install"

if [[ $(grep -cE "^ *(- )?image: " "$overlay/install") != 1 ]] || ! grep -qF "image: $image:$version" "$overlay/install"; then
  echo "config/default does not run the one image ghcr.io/bucketcors/bucketcors:" >&2
  grep -nE "^ *(- )?image: " "$overlay/install" >&2
  exit 1
fi
cat "$overlay/install"
