/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* race - times two commands side by side: A B A B ..., after one run of each that does not count;
 * with RUNS 1, which is for what takes a minute, of A only, which fetches what both read.
 *
 *   race RUNS NAME TARGET PREPARE A B
 *
 * A and B are split at spaces and run without a shell, their output thrown away; PREPARE, when not
 * empty, is run by the shell before each run.  One JSON object is printed: medians of wall and CPU
 * seconds and of peak memory, and the ratios B / A (how many times faster A is).  Both must
 * succeed: what fails is quick.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_RUNS 100
#define MAX_WORDS 64

struct runs {
  double wall[MAX_RUNS], cpu[MAX_RUNS], rss[MAX_RUNS];
};

static double
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double
seconds (struct timeval t)
{
  return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}

static void
exec_quietly (const char *command)
{
  char *copy = strdup (command), *words[MAX_WORDS + 1];
  int n = 0, null = open ("/dev/null", O_RDWR);
  for (char *w = strtok (copy, " "); w && n < MAX_WORDS; w = strtok (NULL, " "))
    words[n++] = w;
  words[n] = NULL;
  dup2 (null, 0);
  dup2 (null, 1);
  execvp (words[0], words);
  perror (words[0]);
  _exit (127);
}

static void
run_once (const char *prepare, const char *command, struct runs *r, int slot)
{
  struct rusage u;
  int status;
  if (*prepare && system (prepare) != 0) {
    fprintf (stderr, "race: preparation failed: %s\n", prepare);
    exit (1);
  }
  double start = now ();
  pid_t pid = fork ();
  if (pid == 0)
    exec_quietly (command);
  if (pid < 0 || wait4 (pid, &status, 0, &u) < 0) {
    perror ("race");
    exit (1);
  }
  double wall = now () - start;
  if (status != 0) {
    fprintf (stderr, "race: exit status %d: %s\n",
             WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status), command);
    exit (1);
  }
  if (slot < 0)
    return;
  r->wall[slot] = wall;
  r->cpu[slot] = seconds (u.ru_utime) + seconds (u.ru_stime);
  r->rss[slot] = (double) u.ru_maxrss / 1024;
}

static int
by_size (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

static double
median (double *v, int n)
{
  qsort (v, (size_t) n, sizeof *v, by_size);
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void
print_side (const char *name, struct runs *r, int n, double out[3])
{
  out[0] = median (r->wall, n);
  out[1] = median (r->cpu, n);
  out[2] = median (r->rss, n);
  printf ("\"%s\": {\"wall\": %.5f, \"cpu\": %.5f, \"rss_mib\": %.1f}, ", name, out[0], out[1],
          out[2]);
}

int
main (int argc, char **argv)
{
  static struct runs a, b;
  double ours[3], theirs[3];
  int n;
  if (argc != 7 || (n = atoi (argv[1])) < 1 || n > MAX_RUNS) {
    fprintf (stderr, "usage: race RUNS NAME TARGET PREPARE A B\n");
    return 64;
  }
  for (int i = -1; i < n; i++) {
    run_once (argv[4], argv[5], &a, i);
    if (i >= 0 || n > 1)
      run_once (argv[4], argv[6], &b, i);
  }
  printf ("{\"job\": \"%s\", \"target\": \"%s\", \"runs\": %d, ", argv[2], argv[3], n);
  print_side ("blkimg", &a, n, ours);
  print_side ("peer", &b, n, theirs);
  printf ("\"wall_ratio\": %.2f, \"cpu_ratio\": %.2f}\n", theirs[0] / ours[0],
          theirs[1] / (ours[1] > 1e-4 ? ours[1] : 1e-4));
  return 0;
}
