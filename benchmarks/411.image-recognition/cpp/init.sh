#!/usr/bin/env bash
# Puts the names of the classes into the package: init.sh OUT VERBOSE ARCHITECTURE
set -euo pipefail
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out"
cp "$here/../classes/class-index.json" "$out/"
