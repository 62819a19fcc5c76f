#!/usr/bin/env bash
# Puts the template into the program, as a resource: init.sh OUT VERBOSE ARCHITECTURE
set -euo pipefail
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out/src/main/resources/templates"
cp "$here/../templates/page.mustache.html" "$out/src/main/resources/templates/page.html"
