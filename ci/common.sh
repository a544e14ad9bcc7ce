# SPDX-License-Identifier: Apache-2.0
# What ci/demo and ci/test share: installing what is missing, and building. Sourced, not run.

say() { printf '%s\n' "== $*"; }
die() { printf 'ci: %s\n' "$*" >&2; exit 3; }

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "'$*' needs root; run this as root, or install sudo"
  fi
}

missing_packages() {
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$top/ci/packages" | while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

install_missing() {
  command -v apt-get >/dev/null 2>&1 || die "there is no apt-get; kexlab's set-up knows Debian 12 (the packages are listed in ci/packages)"
  local missing
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  say "installing: $missing"
  as_root apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
  # shellcheck disable=SC2086 # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null \
    || die "apt-get could not install: $missing"
}

# build [TARGET]: everything, or one target and what it needs.
build() {
  say "building ($(nproc) jobs)"
  cmake --preset release -S "$top" -DKEXLAB_WERROR=ON >"$top/build.log" 2>&1 || { cat "$top/build.log" >&2; die "cmake failed"; }
  cmake --build "$top/build" ${1:+--target "$1"} >"$top/build.log" 2>&1 || { tail -n 60 "$top/build.log" >&2; die "the build failed; all of it is in build.log"; }
}
