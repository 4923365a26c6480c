#!/usr/bin/env bash
# Workflows are sound, as far as that can be seen without running them, and run
# other people's actions at a commit: a tag can be moved.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

# What is found does not depend on which linters of scripts a machine has.
bin/tools/actionlint -shellcheck= -pyflakes= || failed=1

if grep -nE '^ *(- )?uses:' .github/workflows/*.yaml |
  grep -vE 'uses: (\./|[^@ ]+@[0-9a-f]{40} # v[0-9.]+$)'; then
  echo "write these as owner/name@COMMIT # vVERSION"
  failed=1
fi
exit "$failed"
