#!/usr/bin/env bash
# Runs every hack/verify-*.sh, all of them even when one fails, and sums up.
# Each script checks one rule, changes nothing in the tree, and says how to mend
# what it finds.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
git rev-parse --git-dir >/dev/null || exit 2 # the scripts ask git which files there are

summary=
failed=0
for script in hack/verify-*.sh; do
  name=${script#hack/verify-}
  name=${name%.sh}
  printf '==> verify %s\n' "$name"
  SECONDS=0
  if "$script"; then
    outcome=ok
  else
    outcome=FAIL
    failed=$((failed + 1))
  fi
  summary+=$(printf '%-4s  %-10s %4ds' "$outcome" "$name" "$SECONDS")$'\n'
done

printf '\n%s' "$summary"
if [[ $failed -ne 0 ]]; then
  printf 'verify: %d failed\n' "$failed"
  exit 1
fi
printf 'verify: ok\n'
