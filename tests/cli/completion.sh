#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion in bash: words come from the commands' own tables.
. "${top_srcdir:-.}/tests/cli/lib.sh"
command -v bash >/dev/null 2>&1 || skip_all "bash is not installed"
plan 6

# completions WORD...: what the last word, perhaps empty, may become
completions () {
  bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _img; echo "${COMPREPLY[*]}"' \
    - "$top_srcdir/tools/completion.bash" "$@"
}

is "$(completions img mod)" "modules" "a command"
like "$(completions img-modules --o)" '^--options --output' "long options"
is "$(completions img modules --js)" "--json" "of the command"
is "$(completions img-modules --output j)" "json" "words of an argument"
is "$(completions img-modules --output = j)" "json" "after an equals sign"
: >some.file
is "$(completions img-modules so)" "some.file" "files"
