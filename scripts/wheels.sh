# Sourced, not run: pinned wheels, downloaded by pip's own client and checked by digest, unpacked into
# a folder of the cache. A list of pins holds one `package version file sha256` a line.
#
# The script that sources it sets `without` (what to do without these packages), `pins` (its list) and
# `architecture`, defines extract FOLDER, and calls install_wheels NAME TARGET.
# REPRO_CACHE: where downloads and folders lie (default ~/.cache/repro).
cache=${REPRO_CACHE:-$HOME/.cache/repro}

say() { printf 'deps: %s\n' "$*" >&2; }
fail() { say "$1"; shift; printf '      %s\n' "$@" >&2; exit 5; }

has_digest() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

find_pip() {  # prints a python that has pip
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then echo "$python"; return; fi
  done
}

# download PACKAGE VERSION FILE SHA256: into $cache/downloads, whatever python is here.
download() {
  local target=$cache/downloads/$3 python tag tags=()
  if has_digest "$target" "$4"; then return; fi
  rm -f "$target"
  python=$(find_pip)
  if [ -z "$python" ]; then fail "downloading $1 needs python3 with pip (Debian: python3-pip)"; fi
  for tag in manylinux_2_28 manylinux_2_27 manylinux_2_25 manylinux_2_17 manylinux2014 manylinux2010; do
    tags+=(--platform "${tag}_$architecture")
  done
  say "downloading $1 $2"
  local folder
  folder=$(mktemp -d "$cache/downloads/tmp-XXXXXX")
  if ! "$python" -m pip download -q --no-deps --only-binary=:all: --python-version 311 \
    --implementation cp "${tags[@]}" -d "$folder" "$1==$2" >&2; then
    rm -rf "$folder"
    fail "could not download $1 $2; is there a network? Put this file, from another machine, at" \
      "$target" "with SHA-256 $4," "$without"
  fi
  if ! has_digest "$folder/$3" "$4"; then
    local got
    got=$(cd "$folder" && sha256sum ./*)
    rm -rf "$folder"
    fail "$1 $2 is not the file that was pinned; nothing was installed." "want $4  $3" "got  $got"
  fi
  mv "$folder/$3" "$target"
  rmdir "$folder"
}

wheel() { awk -v name="$1" '$1 == name {print $3}' "$pins"; }

# A folder's name ends in the digest of its pins; CMake computes the same name.
pins_digest() { sha256sum "$pins" | cut -c1-12; }

# One process at a time goes on; the lock is held until it ends.
lock_cache() {
  mkdir -p "$cache/downloads"
  exec 9>"$cache/lock"
  flock 9
}

# unpack NAME TARGET: leaves what `extract` unpacks in the folder $temporary, beside TARGET.
unpack() {
  local package version file digest
  while read -r package version file digest; do
    download "$package" "$version" "$file" "$digest" </dev/null
  done < <(grep -v '^#' "$pins")
  say "unpacking $1 into $2"
  temporary=$(mktemp -d "$cache/tmp-XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  if ! extract "$temporary"; then fail "unpacking $1 failed; is the disk full?"; fi
  chmod 755 "$temporary"
}

# install_wheels NAME TARGET: does nothing where TARGET is there; it is published by a rename, so whole.
install_wheels() {
  if [ -d "$2" ]; then return; fi
  lock_cache
  if [ -d "$2" ]; then return; fi
  unpack "$1" "$2"
  mv -T "$temporary" "$2"
  trap - EXIT
}

# install_more NAME FOLDER FILE...: the same for files that a folder may lack, the last of which stands for all.
install_more() {
  local name=$1 folder=$2 file
  shift 2
  if [ -e "$folder/${*: -1}" ]; then return; fi
  lock_cache
  if [ -e "$folder/${*: -1}" ]; then return; fi
  unpack "$name" "$folder"
  for file; do mv "$temporary/$file" "$folder/$file"; done
  rm -r "$temporary"
  trap - EXIT
}
