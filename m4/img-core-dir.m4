# SPDX-License-Identifier: LGPL-2.1-or-later
# IMG_KEEP_CORE_DIR: call it right after AC_INIT.
# Autoconf's clean-up runs "rm -f core ..."; here core/ is a source folder, and rm would
# complain about it at every check.  A shell function drops that one argument.
AC_DEFUN([IMG_KEEP_CORE_DIR],[
rm () {
  for img_arg
  do
    shift
    test "x$img_arg" = xcore || set -- "[$]@" "$img_arg"
  done
  command rm "[$]@"
}
])
