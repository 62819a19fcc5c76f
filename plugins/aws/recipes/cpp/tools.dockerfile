# The build image of C++ functions for AWS Lambda: Amazon Linux 2023 as the functions have it, with a
# compiler, and the libraries that one function's config.json names, each made in a stage of its own.
#
# Written where no registry and no source archive could be reached, so it has not been built there.
# A checksum is what package collections publish for the same archive (Conan Center Index). Where
# none was found, only the version is pinned, and the comment says so.
FROM public.ecr.aws/lambda/provided:al2023 AS tools
RUN dnf install -y gcc gcc-c++ make cmake tar gzip bzip2 xz unzip findutils which openssl-devel zlib-devel \
    && dnf clean all
# Downloads $1 to a file of the name $2, which has to have the SHA-256 $3 ("unknown": not checked).
RUN mkdir -p /usr/local/bin && printf '%s\n' '#!/bin/sh' 'set -eu' \
      'curl --fail --silent --show-error --location --retry 3 --output "$2" "$1"' \
      '[ "$3" = unknown ] || echo "$3  $2" | sha256sum --check --quiet' >/usr/local/bin/fetch \
    && chmod 755 /usr/local/bin/fetch
# What is installed to /opt is found by CMake, the linker and the loader.
ENV CMAKE_PREFIX_PATH=/opt:/opt/libtorch
RUN mkdir -p /etc/ld.so.conf.d && printf '%s\n' /opt/lib64 /opt/lib /opt/libtorch/lib >/etc/ld.so.conf.d/fnpack.conf
WORKDIR /build
