/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/unit/suite.h - how every test program runs, and the folders that its tests work in. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER_NAME 256

/* A new, empty folder in TMPDIR.  Not only for tests: so no ck_assert. */
static inline void
folder_make (char name[FOLDER_NAME])
{
  const char *top = getenv ("TMPDIR");

  top = top && *top ? top : "/tmp";
  if (snprintf (name, FOLDER_NAME, "%s/blkimg-unit.XXXXXX", top) >= FOLDER_NAME
      || mkdtemp (name) == NULL)
    abort ();
}

static inline void
folder_remove (const char *name)
{
  char command[FOLDER_NAME + 20];

  snprintf (command, sizeof command, "rm -rf '%s'", name);
  if (system (command) != 0)
    abort ();
}

/* Runs and frees it; the exit status.  All folders are made in one, so that none stays of a test
 * that failed. */
static inline int
run_suite (Suite *suite)
{
  char top[FOLDER_NAME];
  SRunner *runner = srunner_create (suite);

  folder_make (top);
  setenv ("TMPDIR", top, 1);
  srunner_run_all (runner, CK_ENV);
  int failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  folder_remove (top);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
