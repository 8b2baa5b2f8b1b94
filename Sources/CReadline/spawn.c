#include "CReadline.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>

extern char **environ;

int headrace_spawn_shell(const char *command, int input) {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  if (posix_spawnattr_init(&attributes) != 0) return -1;
  if (posix_spawn_file_actions_init(&actions) != 0) {
    posix_spawnattr_destroy(&attributes);
    return -1;
  }
  // Ours are blocked, as one thread takes them all.
  sigset_t none, usual;
  sigemptyset(&none);
  sigfillset(&usual);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, 0);
  char *words[] = {"sh", "-c", (char *)command, NULL};
  pid_t process = -1;
  if (posix_spawn(&process, "/bin/sh", &actions, &attributes, words, environ) != 0) process = -1;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return process;
}
