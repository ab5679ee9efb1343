/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wanted texts are what qemu-img 7.2 prints and takes. */
#include <config.h>

#include <check.h>
#include <stdlib.h>

#include <blkimg/options.h>

#include "suite.h"

static const struct {
  const char *text;
  uint64_t bytes;
} good[] = {
  { "0", 0 }, { "512", 512 }, { "1b", 1 }, { "1B", 1 }, { "1.0", 1 }, { "010", 10 },
  { "0x200", 512 }, { "0x200k", 524288 }, { "0x20E", 526 }, { "+1k", 1024 }, { " 1k", 1024 },
  { "1.5k", 1536 }, { "1.5K", 1536 }, { "1.55555k", 1593 }, { "5.k", 5120 }, { ".5k", 512 },
  { "1.5G", 1610612736 }, { "1.25p", 1407374883553280 }, { "8E", UINT64_C (1) << 63 },
  { "7.99E", UINT64_C (9211842821808707328) }, { "1.00000000000000000000001k", 1024 },
  { "18446744073709551615", UINT64_MAX },
};
static const char *const bad[] = {
  "", "k", ".", ".k", "1.5", "1.5b", "1e3", "-1", "1kb", "1KiB", "1k ", "0x", "1_0", "0b11",
  "infinity", "nan", "1.5e1k", "0x1.5k", "16E", "18446744073709551616", "99999999999999999999k",
};
static const struct {
  uint64_t bytes;
  const char *text;
} shown[] = {
  { 0, "0 B" }, { 512, "512 B" }, { 1023, "0.999 KiB" }, { 999, "999 B" },
  { 1024, "1 KiB" }, { 1536, "1.5 KiB" },
  { 999424, "976 KiB" }, { 1022976, "999 KiB" }, { 1023488, "1e+03 KiB" },
  { 1024000, "0.977 MiB" }, { 1048064, "1 MiB" }, { 1048576, "1 MiB" }, { 1049088, "1 MiB" },
  { 1047527424, "999 MiB" }, { 1048051712, "1e+03 MiB" }, { 1048576000, "0.977 GiB" },
  { 1073741824, "1 GiB" }, { 5368709120000, "4.88 TiB" }, { UINT64_C (1) << 50, "1 PiB" },
  { UINT64_MAX, "16 EiB" },
};

START_TEST (parses)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t bytes = 7;
  ck_assert_msg (img_size_parse (good[_i].text, &bytes, &err) == 0, "%s: %s", good[_i].text,
                 err.message);
  ck_assert_uint_eq (bytes, good[_i].bytes);
}
END_TEST

START_TEST (refuses)
{
  struct img_error err = IMG_ERROR_INIT;
  uint64_t bytes;
  ck_assert_msg (img_size_parse (bad[_i], &bytes, &err) == -1, "'%s' was taken", bad[_i]);
  ck_assert_int_ne (err.code, 0);
}
END_TEST

START_TEST (formats)
{
  char buf[32];
  ck_assert_str_eq (img_size_format (shown[_i].bytes, buf), shown[_i].text);
}
END_TEST

#define COUNT(a) ((int) (sizeof (a) / sizeof (a)[0]))

int
main (void)
{
  Suite *suite = suite_create ("size");
  TCase *tc = tcase_create ("size");
  tcase_add_loop_test (tc, parses, 0, COUNT (good));
  tcase_add_loop_test (tc, refuses, 0, COUNT (bad));
  tcase_add_loop_test (tc, formats, 0, COUNT (shown));
  suite_add_tcase (suite, tc);
  return run_suite (suite);
}
