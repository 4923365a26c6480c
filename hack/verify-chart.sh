#!/usr/bin/env bash
# The chart has the CRDs and the rules of roles that config/ has.
exec "$(dirname "${BASH_SOURCE[0]}")/chart.sh" --check
