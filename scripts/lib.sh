# Sourced by the other scripts: where things are, what has to be installed, and how it is said.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

say() { printf '== %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '\nhint: %s\n' "$2" >&2
  exit 1
}

# need PROGRAM=PACKAGE...: installs the Debian packages of the programs that are missing, or names them.
need() {
  local pair packages=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "not installed: ${packages[*]}" "sudo apt-get install ${packages[*]}"
  fi
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -y --no-install-recommends "${packages[@]}" >&2 2>/dev/null ||
    { apt-get update >&2 && apt-get install -y --no-install-recommends "${packages[@]}" >&2; } ||
    die "cannot install ${packages[*]}"
}

need_cargo() {
  # Where rustup puts it, for a shell that was opened before.
  command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  command -v cargo >/dev/null || die "cargo is not installed" "install Rust: https://rustup.rs, or apt-get install rustup"
  need cc=gcc
}

# What the hosts of the demo and of the tests are made with, and what the start scripts of an engine call.
need_hosts() {
  need ip=iproute2 unshare=util-linux nsenter=util-linux mount=mount hostname=hostname ps=procps getopt=util-linux
}

# Where cargo puts what it builds.
target_dir() {
  cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}

# release PACKAGE...: builds their programs as a release is built, and leaves them in $release_dir.
#
# A release is static and at a fixed address, which makes it smaller by its relocations. Functions that came out the
# same are folded by lld, which is the linker of rustc on x86_64. None of it is for builds that are run once, so it
# stands here and not in .cargo/config.toml. With a --target the flags are not for build scripts and macros.
release() {
  local triple flags package packages=()
  triple=$(rustc -vV | sed -n 's/^host: //p')
  case $triple in
    *-linux-*) ;;
    *) die "muster runs on Linux only, and this is $triple" ;;
  esac
  flags="-C target-feature=+crt-static -C relocation-model=static"
  case $triple in
    # And what the resident image runs through comes first.
    x86_64-*-gnu)
      need nm=binutils
      flags+=" -C link-arg=-Wl,--icf=all -C linker=$root/scripts/linker -C linker-flavor=gcc"
      ;;
  esac
  for package; do packages+=(--package "$package"); done
  say "building the release of $* for $triple"
  RUSTFLAGS="$flags" cargo build --locked --release "${packages[@]}" --bins --target "$triple" >&2
  # shellcheck disable=SC2034 # for those who call it
  release_dir=$(target_dir)/$triple/release
}
