#!/usr/bin/env bash
# Generated files are what the generators write today.
exec "$(dirname "${BASH_SOURCE[0]}")/generate.sh" --check
