#!/usr/bin/env bash
# Lets this machine run programs for arm64, containers' included, by qemu. Needs root; quick when it is so already.
set -euo pipefail
folder=/proc/sys/fs/binfmt_misc
[[ $(uname -m) != aarch64 ]] || exit 0
[[ -e $folder/register ]] || mount -t binfmt_misc none $folder
[[ -e $folder/qemu-aarch64 ]] && exit 0
qemu=$(command -v qemu-aarch64-static) || { echo "emulation.sh: qemu-aarch64-static is not installed" >&2; exit 1; }
# The first bytes of an ELF file for arm64, and which of them count. F: the kernel opens qemu now, so that it is found in
# containers; P and C: it is told the program's own name and runs with its rights.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
echo ":qemu-aarch64:M::$magic:$mask:$qemu:FPOC" >$folder/register
