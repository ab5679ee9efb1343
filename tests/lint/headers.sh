#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every header compiles alone: public ones as strict C11 and as C++, the others as C11.
. "${0%/*}/lib.sh"
plan 3

cc=${CC:-cc}
cxx=${CXX:-c++}
warn="-fsyntax-only -Wall -Wextra -Werror -I include"

# compile COMPILER FLAGS FILES...: messages of those that fail
compile () {
  lint_cc=$1
  lint_flags=$2
  shift 2
  for header; do
    printf '#include "%s"\nextern int lint_not_empty;\n' "$top_srcdir/$header" >"$tmp/alone.c"
    # shellcheck disable=SC2086
    $lint_cc $lint_flags $warn -iquote . -iquote modules/common -iquote tools "$tmp/alone.c" 2>&1 |
      head -n 5
  done
}

public=$(c_files | grep '^include/.*\.h$')
inner=$(c_files | grep -E '^(core|modules|tools|tests)/.*\.h$')

# shellcheck disable=SC2086
none "public headers are C11" "$(compile "$cc" "-x c -std=c11 -pedantic -D_POSIX_C_SOURCE=200809L" $public)"
if command -v "${cxx%% *}" >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  none "public headers are C++" "$(compile "$cxx" "-x c++ -std=c++11 -D_GNU_SOURCE" $public)"
elif [ "${CI:-}" = true ]; then
  fail "public headers are C++ (no C++ compiler in CI)"
else
  skip "public headers are C++" "no C++ compiler"
fi
# shellcheck disable=SC2086
none "inner headers compile alone" "$(compile "$cc" "-x c -std=gnu11 -D_GNU_SOURCE" $inner)"
