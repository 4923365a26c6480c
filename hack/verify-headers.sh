#!/usr/bin/env bash
# Every Go file says under which licence it is, in its first lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

while IFS= read -r -d '' file; do
  [[ -e $file ]] || continue # deleted, and not yet committed
  if ! head -n 4 "$file" | grep -qF 'SPDX-License-Identifier: Apache-2.0'; then
    echo "$file: begin it with // SPDX-License-Identifier: Apache-2.0"
    failed=1
  fi
done < <(git ls-files -z --cached --others --exclude-standard -- '*.go')
exit "$failed"
