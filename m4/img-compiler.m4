# SPDX-License-Identifier: LGPL-2.1-or-later

# IMG_TRY_FLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the C compiler takes it.
AC_DEFUN([IMG_TRY_FLAG],[
AC_MSG_CHECKING([whether $CC takes $2])
img_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM()],
  [AC_MSG_RESULT([yes]); AS_VAR_APPEND([$1],[" $2"])],
  [AC_MSG_RESULT([no])])
CFLAGS=$img_save_CFLAGS
])

# IMG_COMPILER: warnings (WARN_CFLAGS) and hardening (HARDEN_CPPFLAGS, HARDEN_CFLAGS,
# HARDEN_LDFLAGS, PROGRAM_LDFLAGS).  They stand apart from the user's CFLAGS, which come last.
AC_DEFUN([IMG_COMPILER],[
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror],[make compiler warnings errors])],
  [],[enable_werror=no])
WARN_CFLAGS= HARDEN_CPPFLAGS= HARDEN_CFLAGS= HARDEN_LDFLAGS= PROGRAM_LDFLAGS=
m4_foreach_w([img_flag],
  [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
   -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Wformat=2 -Wmissing-format-attribute
   -Wlogical-op
   -Wduplicated-cond -Wimplicit-fallthrough],
  [IMG_TRY_FLAG([WARN_CFLAGS],img_flag)])
AS_IF([test "x$enable_werror" = xyes],[WARN_CFLAGS="$WARN_CFLAGS -Werror"])

IMG_TRY_FLAG([HARDEN_CFLAGS],[-fstack-protector-strong])
# -fPIC that libtool adds for shared objects comes later on the line and wins.
IMG_TRY_FLAG([HARDEN_CFLAGS],[-fPIE])
IMG_TRY_FLAG([PROGRAM_LDFLAGS],[-pie])
# No "-z now": binding every symbol at start-up is what short commands pay for.
IMG_TRY_FLAG([HARDEN_LDFLAGS],[-Wl,-z,relro])
IMG_TRY_FLAG([HARDEN_LDFLAGS],[-Wl,--as-needed])
# For the same reason: fewer pieces to map, and the library's calls to itself need no look-up.
IMG_TRY_FLAG([HARDEN_LDFLAGS],[-Wl,-z,noseparate-code])
LIBRARY_LDFLAGS=
IMG_TRY_FLAG([LIBRARY_LDFLAGS],[-Wl,-Bsymbolic-functions])
# A module that lacks one of its own functions fails here, not when it is loaded.  clang's
# sanitizers are undefined in shared objects by design.
MODULE_LDFLAGS=
AS_CASE([$CFLAGS],[*-fsanitize=*],[],[IMG_TRY_FLAG([MODULE_LDFLAGS],[-Wl,-z,defs])])
# glibc refuses _FORTIFY_SOURCE without optimisation; sanitizers check the same and more.
AS_CASE([" $CFLAGS $CPPFLAGS "],
  [*-fsanitize=*|*_FORTIFY_SOURCE*|*\ -O0\ *],[],
  [*\ -O*],[HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])

# Fuzz targets with libFuzzer's main; the sanitizers themselves are asked for in CFLAGS.
AC_ARG_ENABLE([fuzzing],
  [AS_HELP_STRING([--enable-fuzzing],[build the fuzz targets with libFuzzer (clang)])],
  [],[enable_fuzzing=no])
FUZZ_LDFLAGS=
AS_IF([test "x$enable_fuzzing" = xyes],[
  IMG_TRY_FLAG([HARDEN_CFLAGS],[-fsanitize=fuzzer-no-link])
  AS_CASE([$HARDEN_CFLAGS],[*fuzzer-no-link*],[FUZZ_LDFLAGS=-fsanitize=fuzzer],
    [AC_MSG_ERROR([--enable-fuzzing needs clang with libFuzzer])])])
AM_CONDITIONAL([ENABLE_FUZZING],[test "x$enable_fuzzing" = xyes])
AC_SUBST([FUZZ_LDFLAGS])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([HARDEN_CPPFLAGS])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
AC_SUBST([LIBRARY_LDFLAGS])
AC_SUBST([PROGRAM_LDFLAGS])
AC_SUBST([MODULE_LDFLAGS])
])
