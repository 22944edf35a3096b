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

# need_unpacked PROGRAM=PACKAGE...: puts programs of Debian packages into PATH without installing them: a package that is
# installed starts its service.
need_unpacked() {
  local dir pair packages=()
  dir=$(target_dir)/packages
  PATH=$PATH:$dir/usr/bin
  for pair; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "not installed: ${packages[*]}" "put their programs into PATH"
  say "unpacking ${packages[*]}"
  mkdir -p "$dir"
  (
    cd "$dir"
    apt-get download "${packages[@]}" 2>/dev/null || { apt-get update && apt-get download "${packages[@]}"; }
  ) >&2 || die "cannot download ${packages[*]}" "sudo apt-get update, or put their programs into PATH"
  for pair in "$dir"/*.deb; do
    dpkg-deb --extract "$pair" "$dir" || die "cannot unpack $pair"
    rm "$pair"
  done
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

# What `--version` says of a build: the commit and its date, never the clock's, so that a commit is the same build tomorrow.
# MUSTER_COMMIT names the commit where there is no repository, as in a `docker build`.
built_from() {
  local commit=${MUSTER_COMMIT:-} epoch=${SOURCE_DATE_EPOCH:-} changes
  # Only a repository that begins here: an archive may have been unpacked inside of somebody's.
  if [ -z "$commit" ] && [ -e .git ]; then
    # An abbreviation of git's own is longer where more is in the repository.
    if commit=$(git rev-parse HEAD) && changes=$(git --no-optional-locks status --porcelain); then
      epoch=${epoch:-$(git show -s --format=%ct HEAD)}
      commit=${commit:0:12}${changes:+-dirty}
    else
      commit=
      say "git cannot name the commit, so \`--version\` will not either"
    fi
  fi
  printf '%s' "${commit:-unknown commit}"
  [ -z "$epoch" ] || date -u -d "@$epoch" +', %F'
}

# manifests OPTION...: where the packages are that cargo knows of, one line each.
manifests() {
  cargo metadata --format-version 1 --locked "$@" | grep -o '"manifest_path":"[^"]*"' | sed 's/^"manifest_path":"//; s/"$//'
}

# nameless_paths RUSTC TRIPLE: for rustc, what it writes in the place of the paths of this machine. A panic says where it
# was, and so it is in the program. The last that fits is taken.
nameless_paths() {
  printf -- '--remap-path-prefix=%s=muster\n' "$root"
  printf -- '--remap-path-prefix=%s=target\n' "$(target_dir)"
  # The sources of the standard library, if they are installed; otherwise it has this name already.
  printf -- '--remap-path-prefix=%s/lib/rustlib/src/rust=/rustc/%s\n' "$(rustc --print sysroot)" \
    "$(sed -n 's/^commit-hash: //p' <<<"$1")"
  # Where crates were unpacked: cargo names the directory after the registry or its mirror.
  manifests --filter-platform "$2" | grep -vxFf <(manifests --no-deps) |
    sed 's|/[^/]*/[^/]*$||' | sort -u |
    sed 's/.*/--remap-path-prefix=&=crates.io/'
}

# static_build PROFILE PACKAGE...: builds their programs static, as a release is built, and leaves them in $static_dir.
# The profile `release` makes what is published. `dev` is for tests: it is built in a third of the time, and what cargo runs
# while it compiles is shared with the build of the tests.
#
# The flags stand here and not in .cargo/config.toml, because a build that is run once needs none of them. With a --target
# they are not for build scripts and macros. The same commit is the same bytes, wherever it is built with the same rustc, cc
# and C library: scripts/release checks that.
static_build() {
  local profile=$1 rust triple flags built package packages=()
  shift
  rust=$(rustc -vV)
  triple=$(sed -n 's/^host: //p' <<<"$rust")
  case $triple in
    *-linux-*) ;;
    *) die "muster runs on Linux only, and this is $triple" ;;
  esac
  flags=$'-Ctarget-feature=+crt-static\n'$(nameless_paths "$rust" "$triple")
  built="$(built_from), $triple, rustc $(sed -n 's/^release: //p' <<<"$rust")"
  for package; do packages+=(--package "$package"); done
  say "building $* for $triple, static, with the profile $profile"
  # One flag a line becomes one flag, spaces and all.
  MUSTER_BUILD=$built CARGO_ENCODED_RUSTFLAGS=${flags//$'\n'/$'\x1f'} \
    cargo build --locked --profile "$profile" "${packages[@]}" --bins --target "$triple" >&2
  # shellcheck disable=SC2034 # for those who call it
  static_dir=$(target_dir)/$triple/${profile/#dev/debug}
}
