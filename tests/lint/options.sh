#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each command's manual page names the options that --help names, no more and no fewer.
. "${0%/*}/lib.sh"
need_build
plan

# Options at the beginning of the lines of TEXT: "  -f, --format=FMT  ..." gives -f and --format.
help_options () {
  sed -n 's/^ *\(-[^ ].*\)$/\1/p' | sed 's/  .*//' |
    grep -oE '(^|[ ,/|])--?[A-Za-z0-9][A-Za-z0-9-]*' | tr -d ' ,/|' | LC_ALL=C sort -u
}

# section NAME < pod
section () {
  awk -v want="$1" '/^=head1 / { on = ($0 == "=head1 " want) ; next } on'
}

strip_pod () {
  sed 's/[A-Z]<<* *\([^<>]*\) *>*>/\1/g'
}

pod_options () {
  grep '^=item' | sed 's/^=item//' | strip_pod |
    grep -oE '(^|[ ,/|[])--?[A-Za-z0-9][A-Za-z0-9-]*' | tr -d ' ,/|[' | LC_ALL=C sort -u
}

for source in tools/img*.c; do
  name=${source##*/}
  name=${name%.c}
  pod=tools/$name.pod
  # A part of a command (img-convert-opts.c) is not a command.
  [ -x "$top_builddir/tools/$name" ] || continue
  if [ ! -f "$pod" ]; then
    fail "$name has a manual page"
    continue
  fi
  capture "$name" --help
  is "$rc" 0 "$name --help succeeds"
  printf '%s\n' "$out" | help_options >"$tmp/help"
  # In all of them, and described in img(1).
  [ "$name" = img ] || sed -i '/^--trace$/d' "$tmp/help"
  section OPTIONS <"$pod" | pod_options >"$tmp/pod"
  none "$name: manual page and --help have the same options" "$(
    diff "$tmp/help" "$tmp/pod" | sed -n 's/^</only in --help:/p; s/^>/only in the manual:/p')"
  section SYNOPSIS <"$pod" | strip_pod | grep -oE '(^|[][ ,/|=(])--?[A-Za-z0-9][A-Za-z0-9-]*' |
    tr -d '][ ,/|=(' | LC_ALL=C sort -u >"$tmp/synopsis"
  none "$name: the synopsis names no other options" "$(LC_ALL=C comm -13 "$tmp/help" "$tmp/synopsis")"
done
