// What the parts of the editor know of each other.
#ifndef HEADRACE_READLINE_INTERNAL_H
#define HEADRACE_READLINE_INTERNAL_H

#include "CReadline.h"

/// From now on the text is drawn over several lines; those below the first begin with `below`.
void headrace_display_begin(headrace_styler styler, const char *below);
/// The cursor stands on a row of its own, on which nothing was drawn yet.
void headrace_display_fresh(void);
/// Puts the cursor behind the text.
void headrace_display_leave(void);
/// The terminal has another size.
void headrace_display_resized(void);

/// Binds the keys of an editor of several lines. `isWhole` decides what Enter does.
void headrace_bind_keys(headrace_decider isWhole);

#endif
