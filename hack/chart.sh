#!/usr/bin/env bash
# Writes what the chart takes over from config/: the CRDs as templates, and the
# rules of the roles.
#
#   hack/chart.sh           bring the chart up to date
#   hack/chart.sh --check   only tell what is stale: exit status 1 if anything is
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
chart=charts/bucketcors

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/templates/crds" "$work/files/rbac"

# A CRD is a template now: what looks like an action in its prose must not be one.
for crd in config/crd/bases/*.yaml; do
  file=${crd##*/s3.bucketcors.dev_}
  {
    echo '{{- /* Written by hack/chart.sh from config/crd/bases. */}}'
    echo '{{- if .Values.crds.install }}'
    awk '
      /^---$/ { next }
      { gsub(/\{\{/, "{{ \"{{\" }}") }
      /^  name: / && !labelled {
        labelled = 1
        print "  labels:"
        print "    {{- include \"bucketcors.labels\" . | nindent 4 }}"
      }
      { print }
      /^  annotations:$/ && !kept {
        kept = 1
        print "    {{- if .Values.crds.keep }}"
        print "    helm.sh/resource-policy: keep"
        print "    {{- end }}"
      }
    ' "$crd"
    echo '{{- end }}'
  } >"$work/templates/crds/$file"
done

# One file for each role, with its rules and nothing else.
for roles in config/rbac/*role.yaml; do
  awk -v dir="$work/files/rbac" '
    function begin() { kind = ""; name = ""; inside = 0 }
    BEGIN { begin() }
    /^---$/ { begin(); next }
    /^#/ { next }
    /^kind: / { kind = tolower($2) }
    /^  name: bucketcors-/ && name == "" { name = $2; sub(/^bucketcors-/, "", name) }
    /^[a-zA-Z]/ { inside = /^rules:/ }
    inside { print > (dir "/" name "." kind ".yaml") }
  ' "$roles"
done

stale=0
for part in templates/crds files/rbac; do
  if diff -ruN "$chart/$part" "$work/$part" >"$work/diff"; then
    continue
  fi
  if [[ ${1:-} == --check ]]; then
    echo "stale: $chart/$part"
    cat "$work/diff"
    stale=1
  else
    rm -rf "${chart:?}/$part"
    mkdir -p "$chart/${part%/*}"
    cp -R "$work/$part" "$chart/$part"
    echo "wrote $chart/$part"
  fi
done

if [[ $stale -ne 0 ]]; then
  echo "run \`make chart\` and commit what it writes"
  exit 1
fi
