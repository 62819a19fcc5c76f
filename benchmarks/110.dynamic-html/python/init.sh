#!/usr/bin/env bash
# Puts the template of this language into the package: init.sh OUT VERBOSE ARCHITECTURE
set -euo pipefail
out=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out/templates"
cp "$here/../templates/page.jinja.html" "$out/templates/page.html"
