/*
 * A host that steers its guest's clock, for a process under LD_PRELOAD: every wall clock is off by STEERED_CLOCK_SECONDS.
 * Who sets the clock puts the lie right, as in a real guest; with STEERED_CLOCK_AGAIN set, the host steers it back at once.
 * Clocks that only count are left alone: no one can set those.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_SECOND = 1000000000, NS_PER_US = 1000 };

static _Atomic int64_t ahead_ns;
static bool steers_again;

__attribute__((constructor)) static void begin(void) {
  const char *seconds = getenv("STEERED_CLOCK_SECONDS");
  ahead_ns = (seconds == NULL ? 0 : strtoll(seconds, NULL, 10)) * NS_PER_SECOND;
  steers_again = getenv("STEERED_CLOCK_AGAIN") != NULL;
}

static bool is_wall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

/* The kernel's own word, past whatever else is loaded. */
static int64_t kernel_ns(clockid_t clock) {
  struct timespec now = {0, 0};
  syscall(SYS_clock_gettime, clock, &now);
  return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static int64_t wall_ns(clockid_t clock) { return kernel_ns(clock) + ahead_ns; }

static struct timespec split(int64_t ns) {
  return (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *out) {
  if (!is_wall(clock)) return (int)syscall(SYS_clock_gettime, clock, out);
  *out = split(wall_ns(clock));
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  const struct timespec now = split(wall_ns(CLOCK_REALTIME));
  *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / NS_PER_US};
  return 0;
}

time_t time(time_t *out) {
  const time_t seconds = split(wall_ns(CLOCK_REALTIME)).tv_sec;
  if (out != NULL) *out = seconds;
  return seconds;
}

int clock_settime(clockid_t clock, const struct timespec *wanted) {
  if (!is_wall(clock) || steers_again) return 0;
  ahead_ns = (int64_t)wanted->tv_sec * NS_PER_SECOND + wanted->tv_nsec - kernel_ns(clock);
  return 0;
}
