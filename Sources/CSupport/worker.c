// Swift has no thread-local storage of its own.
#include "CSupport.h"

static _Thread_local int32_t worker;

int32_t headrace_worker(void) { return worker; }
void headrace_set_worker(int32_t number) { worker = number; }
