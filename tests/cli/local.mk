# SPDX-License-Identifier: LGPL-2.1-or-later
# Tests of the commands: TAP shell scripts over lib.sh, one line a script.
cli_tests =
cli_tests += %D%/broken-modules.sh
cli_tests += %D%/compare-list.sh
cli_tests += %D%/completion.sh
cli_tests += %D%/convert.sh
cli_tests += %D%/dropin-check.sh
cli_tests += %D%/dropin-compare.sh
cli_tests += %D%/dropin-convert.sh
cli_tests += %D%/dropin-create.sh
cli_tests += %D%/dropin-info.sh
cli_tests += %D%/dropin-map.sh
cli_tests += %D%/dropin-measure.sh
cli_tests += %D%/gate.sh
cli_tests += %D%/hostile-text.sh
cli_tests += %D%/images.sh
cli_tests += %D%/img.sh
cli_tests += %D%/json-result.sh
cli_tests += %D%/modules.sh
cli_tests += %D%/null.sh
cli_tests += %D%/progress.sh
cli_tests += %D%/qcow2-cut.sh
cli_tests += %D%/raw.sh
cli_tests += %D%/target.sh
cli_tests += %D%/template.sh
TESTS += $(cli_tests)
EXTRA_DIST += $(cli_tests) %D%/lib.sh %D%/peer.sh
