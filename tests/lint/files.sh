#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every file owes: a licence line, no path of the machine it was written on, and a place in
# the translators' list when it has strings, in img(1) when it is a command.
. "${0%/*}/lib.sh"
plan 7

none "SPDX line at the top of every source file" "$(
  all_files | grep -Ev '^(COPYING|NEWS|[^/]*\.md|po/.*|\..*|debian/.*|tests/images/.*)$' |
    grep -Ev '\.(sym|raw|img|qcow2|vdi|bin|out|xz|gz|zst)$' |
    grep -Ev '^(m4/(gettext|host-cpu|iconv|intl|lib|lt|nls|po|prog).*|[^/]*\.in|include/config\.h\.in|ABOUT-NLS|INSTALL|aclocal\.m4|config[^/]*|Makefile|libtool|run|stamp.*|tests/fuzz/seeds/.*)$' |
    while IFS= read -r f; do
      head -n 3 "$f" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' || echo "$f"
    done)"

none "SPDX line in .ci and the templates too" "$(
  for f in .ci/run run.in configure.ac Makefile.am bootstrap; do
    [ ! -f "$f" ] || head -n 3 "$f" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' ||
      echo "$f"
  done)"

# The folder we stand in, and where the repository's other worktrees stand.
paths=$top_srcdir
if [ -e .git ] && common=$(git rev-parse --path-format=absolute --git-common-dir 2>/dev/null); then
  paths="$paths
${common%/.git}"
fi
none "no absolute path of this machine" "$(
  if [ -e .git ]; then
    all_files | tr '\n' '\0' | xargs -0 grep -nIF -e "$paths" | head -n 20
  fi)"
none "no home folder" "$(
  all_files | grep -v '^COPYING$' | tr '\n' '\0' |
    xargs -0 grep -nIE '(^|[^A-Za-z0-9_.])/(home|Users)/[a-z]+/' | grep -v '^tests/lint/files.sh:' |
    head -n 20)"

# Files with _() or N_() strings are the list, sorted.
c_files | grep -E '^(core|modules|tools)/.*\.[ch]$' | tr '\n' '\0' |
  xargs -0 grep -lE '(^|[^A-Za-z0-9_])(N?_|P_) ?\("' | LC_ALL=C sort >"$tmp/has"
grep -Ev '^(#|$)' po/POTFILES.in >"$tmp/listed"
none "po/POTFILES.in lists every file with strings, and no other" "$(
  LC_ALL=C sort "$tmp/listed" | diff "$tmp/has" - | grep '^[<>]')"
ok "po/POTFILES.in is sorted" env LC_ALL=C sort -c "$tmp/listed"

none "img(1) lists every command" "$(
  for f in tools/img-*.pod; do
    name=${f##*/}
    grep -q "^=item L<${name%.pod}(1)>" tools/img.pod || echo "$name"
  done)"
