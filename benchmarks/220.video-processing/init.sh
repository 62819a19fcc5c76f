#!/usr/bin/env bash
# Puts the watermark into the package: init.sh OUT VERBOSE ARCHITECTURE
set -euo pipefail
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out/resources"
cp "$here/resources/watermark.png" "$out/resources/"
