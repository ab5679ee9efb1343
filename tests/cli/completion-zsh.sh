#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion in zsh: words come from the commands' own tables.  The shell's own functions, which want
# a terminal, are played here: compadd filters by what was typed.
. "${top_srcdir:-.}/tests/cli/lib.sh"
need_peer zsh
plan 8

# completions WORD...: what the last word, perhaps empty, may become
completions () {
  # shellcheck disable=SC2016
  zsh -f -c '
    compadd () { local w; shift; for w; do [[ $w == ${PREFIX}* ]] && print -r -- $w; done }
    compset () { PREFIX=${PREFIX#*=} }
    _files () { print -rl -- ${PREFIX}*(N) }
    file=$1; shift
    words=("$@"); CURRENT=$#; PREFIX=${words[-1]}
    source $file
    _img' - "$top_srcdir/tools/completion.zsh" "$@" | paste -sd' '
}

is "$(completions img mod)" "modules" "a command"
is "$(completions img-modules --o)" "--options --output" "long options"
is "$(completions img modules --js)" "--json" "of the command"
is "$(completions img-modules --output j)" "json" "words of an argument"
is "$(completions img-map --output=s)" "svg" "after an equals sign"
like "$(completions img-create -f '')" 'qcow2.* raw' "formats"
: >some.file
is "$(completions img-modules so)" "some.file" "files"
is "$(completions img-map --tr)" "--trace" "options of all commands"
