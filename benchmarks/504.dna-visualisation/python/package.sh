#!/usr/bin/env bash
# Leaves of the packages what `squiggle.transform` needs: package.sh FOLDER-OF-PACKAGES
set -euo pipefail
packages=$1

# Drawing, the command and the reading of indexed files: the function imports none of them.
for name in bokeh box contourpy click jinja2 markupsafe narwhals pandas PIL pillow.libs pyfaidx pytz \
  tornado tzdata xyzservices yaml _yaml; do
  rm -rf "${packages:?}/$name"
done
for project in bokeh python_box contourpy click [Jj]inja2 [Mm]arkup[Ss]afe narwhals pandas pillow pyfaidx pytz \
  tornado tzdata xyzservices [Pp][Yy][Yy][Aa][Mm][Ll]; do
  rm -rf "${packages:?}/"$project-[0-9]*.dist-info
done
rm -rf "$packages/bin"

# Tests, sources of C, and what compilers and type checkers read.
find "$packages" -depth -type d \( -name tests -o -name include \) -exec rm -rf {} +
find "$packages" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.c' -o -name '*.h' -o -name '*.a' \) \
  -exec rm -f {} +

# Libraries of another processor or of musl, should a wheel bring them along.
case ${TARGET_ARCHITECTURE:-x64} in
  arm64) other=x86_64 ;;
  *) other=aarch64 ;;
esac
find "$packages" -type f \( -name "*$other*.so" -o -name '*-musl.so' \) -exec rm -f {} +
