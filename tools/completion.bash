# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of img and img-COMMAND in bash, out of the commands' own tables (--dump-options: letter,
# long name, argument, help, one option a line).

_img_words () # ARGUMENT-NAME: words that it may be
{
  case $1 in
    FMT) LC_ALL=C img --help 2>/dev/null | sed -n 's/^Formats and protocols: //p' ;;
    MODE) echo none writeback writethrough directsync unsafe ;;
    *'|'*) echo "${1//|/ }" ;;
  esac
}

_img ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[0]##*/}
  local letter name arg help options=

  if [[ $command == img ]]; then
    if (( COMP_CWORD == 1 )); then
      mapfile -t COMPREPLY < <(compgen -W "$(LC_ALL=C img --help 2>/dev/null |
        sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p') --help --version --trace" -- "$cur")
      return
    fi
    command=img-${COMP_WORDS[1]}
  fi
  # bash parts --name=value at the sign.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  while IFS=$'\t' read -r letter name arg help; do
    if [[ $arg != - && ($prev == "-$letter" || $prev == "--$name") ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$(_img_words "$arg")" -- "$cur")
      (( ${#COMPREPLY[@]} )) || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
    fi
    [[ $letter == - ]] || options+=" -$letter"
    [[ $name == - ]] || options+=" --$name"
  done < <("$command" --dump-options 2>/dev/null)
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options --help --version --trace" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

complete -o filenames -F _img img img-amend img-bench img-bitmap img-check img-commit img-compare \
  img-convert img-create img-dd img-info img-map img-measure img-modules img-rebase img-resize \
  img-snapshot
