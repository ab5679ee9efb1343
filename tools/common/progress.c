/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The watcher thread.
 *
 * Owns: signals while work runs.  They are blocked in every thread and taken by this one with
 * sigtimedwait, so nothing runs in signal context.  SIGINT, SIGTERM and SIGHUP cancel the work (one
 * more, a second later, ends the program at once); SIGUSR1 and SIGINFO print one report on standard
 * error. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <blkimg/i18n.h>
#include <blkimg/options.h>

#include "common/progress.h"

#define INTERVAL_MS 200
#define BAR_WIDTH 30
#define PATIENCE_MS 1000

int
opt_set_progress (void *field, const char *arg, struct img_error *err)
{
  struct progress_args *p = field;
  char *end = NULL;
  long fd = 2;

  p->on = true;
  if (arg == NULL)
    return 0;
  if (strncmp (arg, "json", 4) != 0 || (arg[4] != '\0' && arg[4] != ':'))
    return img_error_set (err, EINVAL, _("'%s' is not one of: %s"), arg, "json, json:FD");
  if (arg[4] == ':') {
    fd = strtol (arg + 5, &end, 10);
    if (end == arg + 5 || *end || fd < 1 || fd > 65535 || fcntl ((int) fd, F_GETFD) < 0)
      return img_error_set (err, EINVAL, _("'%s' is not a file descriptor"), arg + 5);
  }
  p->json = true;
  p->fd = (int) fd;
  return 0;
}

static int64_t
now_ms (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- reports ---- */

struct report {
  uint64_t done, total, rate; /* rate: bytes a second since the start */
  double percent;
  int64_t eta; /* seconds; -1: not known */
};

static struct report
take_report (const struct progress *watch)
{
  struct report r = { img_progress_done (watch->work), img_progress_total (watch->work), 0, 0, -1 };
  int64_t ms = now_ms () - watch->began;

  if (r.done > r.total)
    r.done = r.total;
  if (ms > 0)
    r.rate = (uint64_t) ((double) r.done * 1000 / (double) ms);
  if (r.total > 0)
    r.percent = (double) r.done * 100 / (double) r.total;
  if (r.rate > 0)
    r.eta = (int64_t) ((r.total - r.done) / r.rate);
  return r;
}

static void
print_percent (FILE *to, double percent, const char *end)
{
  fprintf (to, "    (%3.2f/100%%)%s", percent, end);
  fflush (to);
}

static void
print_json (int fd, const struct report *r)
{
  char line[200], eta[32] = "null";
  int n;

  if (r->eta >= 0)
    snprintf (eta, sizeof eta, "%" PRId64, r->eta);
  n = snprintf (line, sizeof line,
                "{\"done\": %" PRIu64 ", \"total\": %" PRIu64 ", \"rate\": %" PRIu64
                ", \"eta\": %s}\n", r->done, r->total, r->rate, eta);
  /* One write a line; a reader that went away must not stop the work. */
  if (write (fd, line, (size_t) n) < 0)
    return;
}

static void
print_bar (FILE *to, const struct report *r)
{
  char bar[BAR_WIDTH + 1], done[32], total[32], rate[32], left[32] = "--:--";
  int filled = (int) (r->percent * BAR_WIDTH / 100);

  for (int i = 0; i < BAR_WIDTH; i++)
    bar[i] = i < filled ? '#' : '.';
  bar[BAR_WIDTH] = '\0';
  if (r->eta >= 0)
    snprintf (left, sizeof left, "%02" PRId64 ":%02d:%02d", r->eta / 3600, (int) (r->eta / 60 % 60),
              (int) (r->eta % 60));
  fprintf (to, "\r[%s] %5.1f%%  %s / %s  %s/s  %s\033[K", bar, r->percent,
           img_size_format (r->done, done), img_size_format (r->total, total),
           img_size_format (r->rate, rate), left);
  fflush (to);
}

static void
show (const struct progress *watch)
{
  struct report r = take_report (watch);

  if (watch->args.json)
    print_json (watch->args.fd, &r);
  else if (watch->terminal)
    print_bar (watch->to, &r);
  else
    print_percent (watch->to, r.percent, "\r");
}

/* ---- the thread ---- */

static void
ask_for_end (struct progress *watch, int sig)
{
  sigset_t set;

  int none = 0;

  if (atomic_compare_exchange_strong (&watch->signal, &none, sig)) {
    watch->asked = now_ms ();
    img_progress_cancel (watch->work);
    return;
  }
  /* Programs like timeout(1) send it to us and to our group: that is still the first time. */
  if (now_ms () - watch->asked < PATIENCE_MS)
    return;
  signal (sig, SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, sig);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  raise (sig);
}

/* What is ignored (nohup) stays so: sigtimedwait would take it all the same. */
static void
watched_signals (sigset_t *set)
{
  static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
  struct sigaction old;

  sigemptyset (set);
  for (unsigned i = 0; i < 3; i++)
    if (sigaction (ends[i], NULL, &old) < 0 || old.sa_handler != SIG_IGN)
      sigaddset (set, ends[i]);
  sigaddset (set, SIGUSR1);
#ifdef SIGINFO
  sigaddset (set, SIGINFO);
#endif
}

static void *
watch_work (void *arg)
{
  struct progress *watch = arg;
  const struct timespec interval = { 0, INTERVAL_MS * 1000000L };
  sigset_t set;

  watched_signals (&set);
  for (;;) {
    int sig = sigtimedwait (&set, NULL, &interval);
    if (atomic_load (&watch->stop))
      return NULL;
    if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP)
      ask_for_end (watch, sig);
    else if (sig > 0)
      print_percent (stderr, take_report (watch).percent, "\n");
    else if (watch->args.on)
      show (watch);
  }
}

void
progress_start (struct progress *watch, const struct progress_args *args, bool quiet, bool apart)
{
  sigset_t set;

  *watch = (struct progress) { .args = *args, .work = img_progress_new (), .began = now_ms () };
  if (watch->work == NULL)
    tool_no_memory ();
  watch->args.on = args->on && (!quiet || args->json);
  watch->to = apart ? stderr : stdout;
  watch->terminal = !tool_compat () && isatty (fileno (watch->to));
  watched_signals (&set);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  watch->running = pthread_create (&watch->thread, NULL, watch_work, watch) == 0;
  if (!watch->running)
    pthread_sigmask (SIG_UNBLOCK, &set, NULL); /* signals end us, as they would anybody */
  if (watch->args.on)
    show (watch);
}

/* The kernel gives a signal for the program to the main thread when that has not blocked it. */
bool
progress_unwatch (struct progress *watch)
{
  sigset_t set;

  watched_signals (&set);
  sigdelset (&set, SIGUSR1);
#ifdef SIGINFO
  sigdelset (&set, SIGINFO);
#endif
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  return atomic_load (&watch->signal) == 0;
}

void
progress_rewatch (struct progress *watch)
{
  sigset_t set;

  watched_signals (&set);
  if (watch->running)
    pthread_sigmask (SIG_BLOCK, &set, NULL);
}

void
progress_end (struct progress *watch, bool succeeded)
{
  if (watch->running) {
    atomic_store (&watch->stop, true);
    pthread_kill (watch->thread, SIGUSR1);
    pthread_join (watch->thread, NULL);
    watch->running = false;
  }
  if (!watch->args.on)
    return;
  if (succeeded && !watch->args.json && !watch->terminal)
    print_percent (watch->to, 100, "\r");
  else if (succeeded)
    show (watch);
  if (!watch->args.json && !tool_compat ())
    putc ('\n', watch->to);
}

void
progress_newline (const struct progress *watch)
{
  if (watch->args.on && !watch->args.json && tool_compat ())
    putchar ('\n');
}

void
progress_release (struct progress *watch)
{
  int sig = atomic_load (&watch->signal);
  sigset_t set;

  img_progress_free (watch->work);
  watch->work = NULL;
  if (sig == 0)
    return;
  fflush (stdout);
  signal (sig, SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, sig);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
  raise (sig);
}
