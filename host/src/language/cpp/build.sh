# Builds the program of the CMakeLists.txt here, and gathers it with its shared libraries.
set -eu
work=$PWD/.fnpack
built=$work/build
package=$work/package
mkdir -p "$built" "$package/lib"

map="\"-ffile-prefix-map=$PWD=.\""
cmake -S . -B "$built" --no-warn-unused-cli \
  -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON \
  -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$built/program" \
  "-DCMAKE_C_FLAGS=$map" "-DCMAKE_CXX_FLAGS=$map" \
  "-DCMAKE_EXE_LINKER_FLAGS=-s -Wl,--build-id=none -Wl,--as-needed"
cmake --build "$built" --target benchmark --parallel "$(getconf _NPROCESSORS_ONLN)"

program=$built/program/benchmark
if [ ! -f "$program" ]; then
  echo "fnpack: CMakeLists.txt built no program $program" >&2
  exit 1
fi
cp "$program" "$package/benchmark"

# Where the libraries were found is the build image's business alone.
echo 'file(RPATH_REMOVE FILE "${PROGRAM}")' >"$work/forget.cmake"
cmake "-DPROGRAM=$package/benchmark" -P "$work/forget.cmake"

# A line names a library, `=>` and its file; the loader's has no more than its file. A program
# that is linked statically has none.
if ldd "$program" >"$work/libraries" 2>&1; then
  missing=
  while read -r name arrow file _; do
    case $name in
      linux-vdso.so.*) continue ;;
      /*) file=$name; name=${name##*/} ;;
      *) [ "$arrow" = "=>" ] || continue ;;
    esac
    case $file in
      /*) cp -L "$file" "$package/lib/${name##*/}" ;;
      *) missing="$missing $name" ;;
    esac
  done <"$work/libraries"
  if [ -n "$missing" ]; then
    echo "fnpack: shared libraries are missing:$missing" >&2
    exit 1
  fi
fi
chmod -R u+w "$package"
chmod 755 "$package/benchmark"
