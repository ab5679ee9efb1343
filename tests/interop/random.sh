# SPDX-License-Identifier: LGPL-2.1-or-later
# What tests with random steps on i.qcow2, held against the flat shadow s.raw, share.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer qemu-img qemu-io
interop=$top_builddir/tests/interop/.libs
[ -x "$interop/randio" ] || interop=$top_builddir/tests/interop

# An encrypted image is named by json:, and $secret goes to every program.
image=i.qcow2
secret=

# next MAX: $r becomes a number below MAX
state=$seed
next () {
  state=$(((state * 1103515245 + 12345) % 2147483648))
  r=$((state / 65536 % $1))
}

# one_of WORD...: $word becomes one of them
one_of () {
  next $#
  shift "$r"
  word=$1
}

# either: $tool becomes the one or the other
either () {
  one_of img- "qemu-img "
  tool=$word
}

# peer COMMAND...: qemu-img, again where a short measurement of this machine's speed fails
peer () {
  for peer_try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    qemu-img "$@" 2>peer.err && return 0
    grep -q 'accurate CPU usage' peer.err || break
  done
  cat peer.err >&2
  return 1
}

# encrypt FORMAT: image i.qcow2 has been made with $key from now on
encrypt () {
  secret="--object secret,id=sec0,data=open-sesame"
  key=encrypt.format=$1,encrypt.key-secret=sec0
  # Keys of legacy AES need no time.
  [ "$1" = aes ] || key=$key,encrypt.iter-time=10
  image='json:{"driver":"qcow2","encrypt.key-secret":"sec0","file":{"driver":"file","filename":"i.qcow2"}}'
}

# qemu-io writes somewhere into both.
# shellcheck disable=SC2086
peer_writes () {
  bytes=$(wc -c <s.raw)
  next $((bytes / 512 - 8)); at=$((r * 512))
  next 300; length=$(((r + 1) * 512))
  [ $((at + length)) -le "$bytes" ] || length=$((bytes - at))
  next 255; pattern=$((r + 1))
  set -- -c "write -P $pattern $at $length" -c "write -z -u $((at / 2)) 4096"
  qemu-io $secret -d unmap "$@" "$image" >/dev/null && qemu-io -d unmap -f raw "$@" s.raw >/dev/null
}

# reads_as RAW [-l SNAPSHOT]: both programs read that; qemu-img reads of a snapshot as much as the
# image has now
# shellcheck disable=SC2086
reads_as () {
  raw=$1
  shift
  for by in "img-" "qemu-img "; do
    ${by}convert $secret "$@" -O raw "$image" o.raw || return 1
    common=$(wc -c <"$raw")
    case $by$# in
      qemu-img*2) [ "$common" -le "$(wc -c <o.raw)" ] || common=$(wc -c <o.raw) ;;
      *) [ "$common" = "$(wc -c <o.raw)" ] || { echo "${by}convert $*: another size"; return 1; } ;;
    esac
    cmp -n "$common" o.raw "$raw" || { echo "${by}convert $* reads something else"; return 1; }
  done
}
