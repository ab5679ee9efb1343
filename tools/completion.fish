# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of img and img-COMMAND in fish, out of the commands' own tables (--dump-options: letter,
# long name, argument, help, one option a line).

function __img_command --description 'the program whose options are wanted'
    set -l words (commandline -opc)
    set -l name (string replace -r '.*/' '' -- $words[1])
    if test "$name" = img
        test (count $words) -ge 2; and echo img-$words[2]
    else
        echo $name
    end
end

function __img_values --argument-names arg
    switch $arg
        case FMT
            env LC_ALL=C img --help 2>/dev/null | string replace -rf '^Formats and protocols: ' '' | string split ' '
        case MODE
            printf '%s\n' none writeback writethrough directsync unsafe
        case '*|*'
            string split '|' -- $arg
    end
end

function __img_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l command (__img_command)
    set -l previous $words[-1]
    set -l prefix ''
    if test -z "$command"
        env LC_ALL=C img --help 2>/dev/null | string match -rg '^  ([a-z]+) +.*'
        printf '%s\n' --help --version --trace
        return
    end
    if string match -qr '^--[^=]*=' -- $current
        set previous (string replace -r '=.*' '' -- $current)
        set prefix $previous=
    end
    set -l options --help --version --trace
    for line in ($command --dump-options 2>/dev/null)
        set -l row (string split \t -- $line)
        if test "$row[3]" != -; and contains -- $previous -$row[1] --$row[2]
            set -l values (__img_values $row[3])
            if test (count $values) -gt 0
                printf "$prefix%s\n" $values
            else
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- $current)
            end
            return
        end
        test "$row[1]" = -; or set -a options -$row[1]\t$row[4]
        test "$row[2]" = -; or set -a options --$row[2]\t$row[4]
    end
    if string match -q -- '-*' $current
        printf '%s\n' $options
    else
        __fish_complete_path $current
    end
end

for program in img img-amend img-bench img-bitmap img-check img-commit img-compare img-convert img-create img-dd img-info img-map img-measure img-modules img-rebase img-resize img-snapshot
    complete -c $program -f -a '(__img_complete)'
end
