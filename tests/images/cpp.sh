#!/usr/bin/env bash
# Makes a Docker image in which C++ functions for Lambda are built: Debian's compiler and libraries,
# and Lambda's C++ runtime, compiled in it.
#
#   images/cpp.sh NAME:TAG RUNTIME PACKAGE...
#
# RUNTIME is the folder of aws-lambda-cpp's source. An image that was made of the same is kept.
set -euo pipefail
if [[ $# -lt 2 ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
image=$1 runtime=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
tools=${image%:*}-tools:${image#*:}
label=fnpack.test.recipe
"$here/make.sh" "$tools" g++ make cmake libcurl4-openssl-dev rapidjson-dev libboost-dev "$@"

recipe=$( (
  cat "$0"
  docker image inspect --format '{{.Id}}' "$tools"
  cat "$runtime"/CMakeLists.txt "$runtime"/src/*
) | sha256sum | cut -c -64)
if [[ $(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$image" 2>/dev/null) == "$recipe" ]]; then
  echo "$image is there"
  exit 0
fi
earlier=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)

# Beside the runtime: what maintainer scripts of some packages would have linked.
container=$(docker create --network none --volume "$runtime:/runtime:ro" "$tools" sh -euc '
  for tool in g++:c++ gcc:cc; do [ -e "/usr/bin/${tool#*:}" ] || ln -s "${tool%:*}" "/usr/bin/${tool#*:}"; done
  libraries=/usr/lib/x86_64-linux-gnu
  for name in blas lapack; do
    [ ! -e "$libraries/$name/lib$name.so.3" ] || ln -sf "$name/lib$name.so.3" "$libraries/lib$name.so.3"
    [ ! -e "$libraries/$name/lib$name.so" ] || ln -sf "$name/lib$name.so" "$libraries/lib$name.so"
  done
  /sbin/ldconfig
  cmake -S /runtime -B /tmp/runtime -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt
  cmake --build /tmp/runtime --parallel "$(nproc)"
  cmake --install /tmp/runtime
  rm -rf /tmp/runtime')
trap 'docker rm --force "$container" >/dev/null' EXIT
if ! log=$(docker start --attach "$container" 2>&1); then
  echo "$log" >&2
  exit 1
fi
docker commit --change "LABEL $label=$recipe" --change 'ENTRYPOINT []' --change 'CMD ["sh"]' "$container" "$image" >/dev/null
[[ -z $earlier ]] || docker image rm "$earlier" >/dev/null 2>&1 || true
echo "$image is made"
