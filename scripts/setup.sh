#!/usr/bin/env bash
# Installs what is missing to build and test conduit, from Debian's packages. Says nothing when
# there is nothing to do.
#
#     scripts/setup.sh          compiler, build tools, libraries
#     scripts/setup.sh --dev    the sanitizers' compiler and the format and lint tools as well
#     scripts/setup.sh --bench  what scripts/bench.sh compares conduit with as well
set -euo pipefail

packages=(
    g++ cmake ninja-build ccache pkg-config      # the build
    libfmt-dev liburing-dev libasio-dev          # the library
    libssl-dev                                   # the library, for TLS
    nlohmann-json3-dev                           # the library, inside rpc/
    libcli11-dev                                 # the command line and the daemon
    catch2 libbenchmark-dev                      # the tests and benchmarks
    redis-tools                                  # the tests of an example
)
dev_packages=(clang-19 libclang-rt-19-dev lld-19 llvm-19 clang-format-19 clang-tidy-19)
bench_packages=(
    libgrpc++-dev libprotobuf-dev protobuf-compiler-grpc   # gRPC
    libcapnp-dev capnproto                                # Cap'n Proto
)

case "${1-}" in
    "") ;;
    --dev) packages+=("${dev_packages[@]}") ;;
    --bench) packages+=("${bench_packages[@]}") ;;
    *) echo "usage: scripts/setup.sh [--dev|--bench]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<'TEXT'
setup: this is not Debian, so nothing is installed. conduit needs, by their Debian 12 names:
    g++ 12.2 or newer, cmake 3.25, ninja-build, ccache, pkg-config, libfmt-dev 9, liburing-dev 2.3,
    libasio-dev 1.22, libssl-dev 3.0, catch2 2.13, libbenchmark-dev, nlohmann-json3-dev,
    libcli11-dev 2.1, redis-tools 7; for the sanitizers and for .ci/run also clang-19,
    libclang-rt-19-dev, lld-19, llvm-19, clang-format-19, clang-tidy-19; for the peers in the
    benchmarks libgrpc++-dev, libprotobuf-dev, protobuf-compiler-grpc, libcapnp-dev, capnproto.
TEXT
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: please install as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "setup: installing ${missing[*]}"
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" </dev/null
}
apt update
apt install --yes --no-install-recommends "${missing[@]}" >/dev/null
