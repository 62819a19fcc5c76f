#!/usr/bin/env bash
# Makes a small Docker image out of Debian packages: a stand-in for a platform's build image, for
# machines that reach a Debian mirror but no container registry.
#
#   images/make.sh NAME:TAG PACKAGE...       SUITE=trixie for packages of another Debian,
#                                            ARCH=arm64 for another processor
#
# The packages are unpacked, not installed: no maintainer script runs, so nothing of this machine
# changes. An image that was made by the same recipe (this file and the same packages) is kept.
set -euo pipefail
if [[ $# -lt 2 ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
image=$1
shift
# What every image needs: a shell, the usual small tools, certificates.
packages=(base-files bash ca-certificates coreutils dash diffutils findutils gawk grep gzip libc-bin sed tar "$@")
own=$(. /etc/os-release && echo "$VERSION_CODENAME")
release=${SUITE:-$own}
architecture=${ARCH:-$(dpkg --print-architecture)}
recipe=$( (cat "$0"; printf '%s\n' "$release" "$architecture" "${packages[@]}") | sha256sum | cut -c -64)
label=fnpack.test.recipe

made=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$image" 2>/dev/null || true)
earlier=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
if [[ $made == "$recipe" ]]; then
  echo "$image is there"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# An apt of its own: its status says that nothing is installed, so that it fetches all of what the
# packages depend on.
mkdir -p "$work"/apt/lists/partial "$work"/apt/archives/partial
: >"$work/apt/status"
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' |
  awk -v release="$own" '$2 == release { print $1; exit }')
[[ -n $mirror ]] || { echo "images/make.sh: apt on this machine has no source for Debian $release" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$work/apt/sources"
cat >"$work/apt/conf" <<CONF
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt";
Dir::Cache::Archives "$work/apt/archives";
Dir::Etc::SourceList "$work/apt/sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Install-Recommends "false";
APT::Architecture "$architecture";
APT::Architectures "$architecture";
APT::Sandbox::User "";
Acquire::Languages "none";
quiet "2";
CONF
export APT_CONFIG=$work/apt/conf
apt-get update
apt-get install --yes --download-only "${packages[@]}" >/dev/null

# Debian's merged /usr: /bin and its like are links, and packages of before unpack through them.
mkdir -p "$root"/{etc,proc,sys,dev,root,tmp,var/tmp} "$root"/usr/{bin,sbin,lib,lib64}
chmod 1777 "$root/tmp" "$root/var/tmp"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
for package in "$work"/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar --extract --directory "$root" --keep-directory-symlink \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
done

# What maintainer scripts would have written.
[[ -e $root/usr/bin/sh ]] || ln -s dash "$root/usr/bin/sh"
[[ -e $root/usr/bin/awk ]] || ln -s gawk "$root/usr/bin/awk"
# PyPy's own images have it by this name too; Debian's pip brings another Python.
if [[ -e $root/usr/bin/pypy3 ]]; then
  mkdir -p "$root/usr/local/bin"
  ln -s ../../bin/pypy3 "$root/usr/local/bin/python3"
fi
for program in "$root"/usr/lib/jvm/java-*-openjdk-*/bin/java{,c} "$root/usr/share/maven/bin/mvn"; do
  [[ ! -e $program ]] || ln -sf "${program#"$root"}" "$root/usr/bin/${program##*/}"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
mkdir -p "$root/etc/ssl/certs"
find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + >"$root/etc/ssl/certs/ca-certificates.crt"

# An archive for `docker load`: what `docker import` makes is always for this machine's processor.
mkdir "$work/image"
tar --create --file "$work/image/layer.tar" --directory "$root" --sort=name --owner=0 --group=0 --numeric-owner .
layer=sha256:$(sha256sum "$work/image/layer.tar" | cut -c -64)
cat >"$work/image/config.json" <<CONF
{"architecture": "$architecture", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["$layer"]},
 "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Labels": {"$label": "$recipe"}}}
CONF
echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$image\"], \"Layers\": [\"layer.tar\"]}]" >"$work/image/manifest.json"
tar --create --directory "$work/image" . | docker load >/dev/null
# The earlier image of that name has lost it, and would lie around without one.
[[ -z $earlier ]] || docker image rm "$earlier" >/dev/null 2>&1 || true
echo "$image is made"
