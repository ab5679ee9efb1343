# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests of the commands: TAP shell scripts over lib.sh, one line a script.
cli_tests =
cli_tests += %D%/completion.sh
cli_tests += %D%/img.sh
cli_tests += %D%/modules.sh
cli_tests += %D%/raw.sh
TESTS += $(cli_tests)
EXTRA_DIST += $(cli_tests) %D%/lib.sh
