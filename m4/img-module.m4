# SPDX-License-Identifier: LGPL-2.1-or-later

# IMG_MODULES_INIT: call it before LT_INIT.  Linked-in modules need static libraries only.
AC_DEFUN([IMG_MODULES_INIT],[
img_modules_on= img_modules_off=
AC_ARG_ENABLE([module-preload],
  [AS_HELP_STRING([--enable-module-preload],
    [link every module into the programs (sanitizers, fuzzers, initramfs); implies --disable-shared])],
  [],[enable_module_preload=no])
AS_IF([test "x$enable_module_preload" = xyes],[enable_shared=no enable_static=yes])
AM_CONDITIONAL([MODULE_PRELOAD],[test "x$enable_module_preload" = xyes])
])

# IMG_MODULE(NAME, [PKG-CONFIG DEPS])
# Gives --disable-module-NAME, the check for what the module needs, the conditional
# MODULE_<NAME> for its local.mk, MODULE_<NAME>_CFLAGS and _LIBS, and a line in the summary.
AC_DEFUN([IMG_MODULE],[
AC_ARG_ENABLE([module-$1],
  [AS_HELP_STRING([--disable-module-$1],[do not build the $1 module])],
  [],[enable_module_$1=check])
AS_IF([test "x$enable_module_$1" != xno],[
  m4_ifnblank([$2],[
    PKG_CHECK_MODULES(m4_toupper([MODULE_$1]),[$2],[build_module_$1=yes],[
      AS_IF([test "x$enable_module_$1" = xyes],[AC_MSG_ERROR([module $1 needs $2])])
      build_module_$1=no
      img_modules_off="$img_modules_off $1(needs:$2)"])],
    [build_module_$1=yes])],
  [build_module_$1=no
   img_modules_off="$img_modules_off $1(disabled)"])
AM_CONDITIONAL(m4_toupper([MODULE_$1]),[test "x$build_module_$1" = xyes])
AS_IF([test "x$build_module_$1" = xyes],[img_modules_on="$img_modules_on $1"])
])

# IMG_MODULE_OPTION(NAME, LIBRARY, PKG-CONFIG DEPS)
# After IMG_MODULE: a library that makes module NAME better and that it can do without.  Gives
# --with-LIBRARY (auto), HAVE_LIBRARY in config.h, and adds to MODULE_<NAME>_CFLAGS and _LIBS.
AC_DEFUN([IMG_MODULE_OPTION],[
AC_ARG_WITH([$2],
  [AS_HELP_STRING([--with-$2],[use $2 in the $1 module @<:@auto@:>@])],
  [],[with_$2=auto])
AS_IF([test "x$build_module_$1" = xyes && test "x$with_$2" != xno],[
  PKG_CHECK_MODULES(m4_toupper([$2]),[$3],[
      AC_DEFINE(m4_toupper([HAVE_$2]),[1],[The $1 module uses $2.])
      AS_VAR_APPEND([MODULE_]m4_toupper([$1])[_CFLAGS],[" $]m4_toupper([$2])[_CFLAGS"])
      AS_VAR_APPEND([MODULE_]m4_toupper([$1])[_LIBS],[" $]m4_toupper([$2])[_LIBS"])
      img_modules_on="$img_modules_on+$2"],
    [AS_IF([test "x$with_$2" = xyes],[AC_MSG_ERROR([$2 was asked for and is not here])])])])
])
