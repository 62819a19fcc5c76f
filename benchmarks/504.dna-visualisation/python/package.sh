#!/usr/bin/env bash
# Leaves out of the packages what `squiggle.transform` does not need: package.sh FOLDER-OF-PACKAGES
set -euo pipefail
packages=$1

# Drawing and the reading of indexed files: the function imports none of them, nor does any platform's wrapper.
for name in bokeh box PIL pillow.libs pyfaidx tornado yaml _yaml; do
  rm -rf "${packages:?}/$name"
done
for project in bokeh python_box pillow pyfaidx tornado pyyaml; do
  find "$packages" -maxdepth 1 -iname "$project-[0-9]*.dist-info" -exec rm -rf {} +
done

# Tests, and what compilers and type checkers read.
find "$packages/numpy" -depth -type d \( -name tests -o -name include -o -name f2py \) -exec rm -rf {} +
find "$packages/numpy" -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.a' \) -exec rm -f {} +

# Libraries for another processor or for musl, should a wheel bring them along.
case $TARGET_ARCHITECTURE in
  arm64) other=x86_64 ;;
  *) other=aarch64 ;;
esac
find "$packages" -type f \( -name "*$other*.so" -o -name '*-musl.so' \) -exec rm -f {} +
