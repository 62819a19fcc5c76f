#!/usr/bin/env bash
# Installs what the tests need beyond a Rust toolchain, Python 3.11 and Node.js: quick when it is
# all there. What it installs is in .venv and .tools of the project, except Debian packages.
#
#   tests/setup.sh                    everything
#   tests/setup.sh --without-docker   all but the container engine and its images
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tests=$root/tests
tools=$root/.tools
with_docker=yes
case ${1:-} in
  "") ;;
  --without-docker) with_docker= ;;
  *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
mkdir -p "$tools"

say() { echo "tests/setup.sh: $*"; }

# What cannot be installed here is gathered, so that a person hears of all of it at once.
missing=()

# Whether $1, made from the files after it, is still as these files say.
current() {
  local made=$1
  shift
  [[ -f $made/.made-from ]] && [[ $(cat "$made/.made-from") == "$(cat "$@" | sha256sum)" ]]
}

# Remembers what $1 was made from.
remember() {
  local made=$1
  shift
  cat "$@" | sha256sum >"$made/.made-from"
}

# Debian packages by the command that each brings: apt_for COMMAND=PACKAGE...
apt_for() {
  local wanted=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || wanted+=("${pair#*=}")
  done
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    missing+=("${wanted[@]}")
    return 0
  fi
  say "installing ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install --yes --no-install-recommends "${wanted[@]}" >/dev/null
}

find_python() {
  local candidate
  for candidate in python3.11 python3 /usr/bin/python3.11; do
    # Through its own answer: a version manager's shim is there for versions that are not.
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
}

python_environments() {
  local python
  python=$(find_python)
  [[ -n $python ]] || { missing+=("Python 3.11 with its venv module"); return 0; }
  if ! current "$root/.venv" "$tests/requirements.txt" 2>/dev/null; then
    say "making .venv"
    rm -rf "$root/.venv"
    "$python" -m venv "$root/.venv"
    "$root/.venv/bin/pip" install --quiet uv=="$(sed -n 's/^uv==//p' "$tests/requirements.txt")"
    # moto's runtime library comes as source only, so not everything can be a wheel.
    "$root/.venv/bin/uv" pip install --quiet --python "$root/.venv/bin/python" -r "$tests/requirements.txt"
    remember "$root/.venv" "$tests/requirements.txt"
  fi
  # Apart from the tests' own packages: a function must not find a library there that its
  # package lacks.
  local runtime=$tests/runtimes/python/requirements.txt
  if ! current "$tools/runtime-python" "$runtime"; then
    say "making the Lambda runtime of Python"
    rm -rf "$tools/runtime-python"
    "$python" -m venv --without-pip "$tools/runtime-python"
    "$root/.venv/bin/uv" pip install --quiet --python "$tools/runtime-python/bin/python" -r "$runtime"
    remember "$tools/runtime-python" "$runtime"
  fi
  if ! current "$tools/runtime-python-arm64" "$runtime"; then
    say "getting the Lambda runtime of Python for arm64"
    rm -rf "$tools/runtime-python-arm64"
    "$root/.venv/bin/uv" pip install --quiet --target "$tools/runtime-python-arm64" --python-version 3.11 \
      --python-platform aarch64-manylinux_2_28 --only-binary :all: -r "$runtime"
    remember "$tools/runtime-python-arm64" "$runtime"
  fi
  # The one tool of .venv that fnpack is to find on its PATH.
  mkdir -p "$tools/bin"
  ln -sf ../../.venv/bin/uv "$tools/bin/uv"
}

node_packages() {
  local name=$1
  local from=$tests/runtimes/$name to=$tools/runtime-$name
  current "$to" "$from/package.json" "$from/package-lock.json" && return
  command -v npm >/dev/null || { missing+=(nodejs npm); return 0; }
  say "installing runtimes/$name (a minute and a half where something is compiled)"
  rm -rf "$to"
  mkdir -p "$to"
  cp "$from"/package.json "$from"/package-lock.json "$to"
  # Where Node.js came with its headers, nothing is downloaded to compile against.
  local prefix
  prefix=$(node -p 'require("path").dirname(require("path").dirname(process.execPath))')
  [[ ! -e $prefix/include/node/node.h ]] || export npm_config_nodedir=$prefix
  if ! (cd "$to" && npm ci --no-audit --no-fund --loglevel=error >"$to/.log" 2>&1); then
    tail -n 40 "$to/.log" >&2
    say "npm ci of runtimes/$name failed; all of its output is in $to/.log" >&2
    exit 1
  fi
  remember "$to" "$from/package.json" "$from/package-lock.json"
}

# What runs functions as Google Cloud Functions does, and the services beside them.
google() {
  local gcp=$tools/gcp name
  mkdir -p "$gcp"
  for name in python datastore; do
    local from=$tests/runtimes/gcp-$name/requirements.txt
    current "$gcp/$name" "$from" && continue
    say "installing runtimes/gcp-$name"
    rm -rf "${gcp:?}/$name"
    "$(find_python)" -m venv --without-pip "$gcp/$name"
    "$root/.venv/bin/uv" pip install --quiet --python "$gcp/$name/bin/python" -r "$from"
    remember "$gcp/$name" "$from"
  done
  node_packages gcp-nodejs
  local storage=$tests/runtimes/gcp-storage/version
  current "$gcp/storage" "$storage" && return
  # Without it, the tests that need object storage are skipped.
  command -v go >/dev/null || { say "Go is not here: no emulator of Cloud Storage"; return 0; }
  say "compiling an emulator of Cloud Storage (a minute)"
  rm -rf "$gcp/storage"
  GOBIN=$gcp/storage go install "github.com/fsouza/fake-gcs-server@$(cat "$storage")"
  remember "$gcp/storage" "$storage"
}

# A registry, and what judges the images in it. Without them, the tests that push are skipped.
registry() {
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    apt_for docker-registry=docker-registry
  else
    command -v docker-registry >/dev/null || say "docker-registry is not here: no image is pushed"
  fi
  local crane=v0.22.1
  [[ -x $tools/crane/crane && $(cat "$tools/crane/.version" 2>/dev/null) == "$crane" ]] && return
  command -v go >/dev/null || { say "Go is not here: no crane to look at images"; return 0; }
  say "compiling crane (half a minute)"
  rm -rf "$tools/crane"
  GOBIN=$tools/crane go install "github.com/google/go-containerregistry/cmd/crane@$crane"
  echo "$crane" >"$tools/crane/.version"
}

# What runs Java functions as the platforms do.
java_runtimes() {
  local name
  for name in lambda azure gcp openwhisk; do
    local from=$tests/runtimes/java-$name/pom.xml to=$tools/runtime-java/$name
    current "$to" "$from" && continue
    say "installing runtimes/java-$name"
    rm -rf "$to"
    mkdir -p "$to"
    mvn --batch-mode --quiet --file "$from" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
      "-DoutputDirectory=$to"
    remember "$to" "$from"
  done
}

# What runs functions as Azure Functions does, and the service beside them.
microsoft() {
  local from=$tests/runtimes/azure-python/requirements.txt to=$tools/runtime-azure-python
  if ! current "$to" "$from"; then
    say "installing runtimes/azure-python"
    rm -rf "$to"
    "$(find_python)" -m venv --without-pip "$to"
    "$root/.venv/bin/uv" pip install --quiet --python "$to/bin/python" -r "$from"
    remember "$to" "$from"
  fi
  node_packages azure-nodejs
}

# Lambda's C++ runtime is in the package of the one for Node.js.
cpp_images() {
  local runtime
  runtime=$(echo "$tools"/runtime-nodejs/node_modules/aws-lambda-ric/deps/aws-lambda-cpp-*/)
  [[ -d $runtime ]] || return 0
  "$tests/images/cpp.sh" fnpack-test-cpp:12 "$runtime"
  # What the igraph package's CMake files name, it does not depend on.
  "$tests/images/cpp.sh" fnpack-test-cpp-full:12 "$runtime" \
    libopencv-core-dev libopencv-imgcodecs-dev libopencv-imgproc-dev \
    libigraph-dev libarpack2-dev libblas-dev liblapack-dev libglpk-dev libgmp-dev libplfit-dev libxml2-dev \
    libturbojpeg0-dev libhiredis-dev
  "$tests/images/cpp.sh" fnpack-test-cpp-torch:12 "$runtime" libtorch-dev
}

engine() {
  if ! "$tests/engine.sh" answers; then
    apt_for docker=docker.io dockerd=docker.io iptables=iptables
    [[ ${#missing[@]} -eq 0 ]] || return 0
    if ! "$tests/engine.sh" start; then
      missing+=("a container engine that runs")
      return 0
    fi
  fi
  # What these names stand for is what tests/support/docker.py uses.
  "$tests/images/make.sh" fnpack-test-python:3.11 python3 python3-pip libstdc++6
  "$tests/images/make.sh" fnpack-test-nodejs:18 nodejs npm
  "$tests/images/make.sh" fnpack-test-java:17 maven openjdk-17-jdk-headless
  # It compiles for every version that a platform has.
  SUITE=trixie "$tests/images/make.sh" fnpack-test-java:25 maven openjdk-25-jdk-headless
  SUITE=trixie "$tests/images/make.sh" fnpack-test-pypy:3.11 pypy3 python3-pip libstdc++6
  cpp_images
  emulation
}

# What runs on arm64 is run by qemu. Without it, the tests that need it are skipped.
emulation() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    say "only root can have arm64 emulated: it is not tested"
    return
  fi
  apt_for qemu-aarch64-static=qemu-user-static
  "$tests/emulation.sh"
  ARCH=arm64 "$tests/images/make.sh" fnpack-test-python-arm64:3.11 python3 libstdc++6
}

apt_for zip=zip unzip=unzip unshare=util-linux mvn=maven javac=openjdk-17-jdk-headless
python_environments
if [[ ! -d $tools/runtime-nodejs ]]; then
  apt_for autoconf=autoconf automake=automake libtoolize=libtool cmake=cmake make=make g++=g++ xz=xz-utils
fi
if [[ ${#missing[@]} -eq 0 ]]; then
  node_packages nodejs
  node_packages nodejs-sdk
  # Other releases than the machine has.
  node_packages nodejs-22
  node_packages nodejs-24
  google
  microsoft
  java_runtimes
fi
registry
[[ -z $with_docker ]] || engine

if [[ ${#missing[@]} -gt 0 ]]; then
  cat >&2 <<END

tests/setup.sh: missing here, and not to be installed without root and apt: ${missing[*]}
Install it, and run this again. To run only what needs no container engine:

    make test-fast      (tests/setup.sh --without-docker, then pytest -m "not docker")

END
  exit 1
fi
say "all is there"
