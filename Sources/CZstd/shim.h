// What the log uses of zstd; Scripts/setup installs the header and the library.
#include <zstd.h>
