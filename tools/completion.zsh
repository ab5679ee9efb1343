#compdef img img-amend img-bench img-bitmap img-check img-commit img-compare img-convert img-create img-dd img-info img-map img-measure img-modules img-rebase img-resize img-snapshot
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of img and img-COMMAND in zsh, out of the commands' own tables (--dump-options: letter,
# long name, argument, help, one option a line).

_img_value () # ARGUMENT-NAME: words that it may be, else files
{
  local -a values
  case $1 in
    FMT) values=(${=${(f)"$(LC_ALL=C img --help 2>/dev/null | sed -n 's/^Formats and protocols: //p')"}}) ;;
    MODE) values=(none writeback writethrough directsync unsafe) ;;
    *'|'*) values=(${(s:|:)1}) ;;
  esac
  if (( $#values )); then
    compadd -- $values
  else
    _files
  fi
}

_img ()
{
  local command=${words[1]:t} letter name arg help previous=${words[CURRENT-1]} current=$PREFIX
  local -a flags names

  if [[ $command == img ]]; then
    if (( CURRENT == 2 )); then
      names=(${(f)"$(LC_ALL=C img --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')"})
      compadd -- $names --help --version --trace
      return
    fi
    command=img-${words[2]}
  fi
  if [[ $current == --*=* ]]; then
    previous=${current%%=*}
    compset -P '*='
  fi
  while IFS=$'\t' read -r letter name arg help; do
    if [[ $arg != - && ( $previous == -$letter || $previous == --$name ) ]]; then
      _img_value $arg
      return
    fi
    [[ $letter == - ]] || flags+=(-$letter)
    [[ $name == - ]] || flags+=(--$name)
  done < <($command --dump-options 2>/dev/null)
  if [[ $current == -* ]]; then
    compadd -- $flags --help --version --trace
  else
    _files
  fi
}

[[ ${funcstack[1]-} != _img ]] || _img "$@"
