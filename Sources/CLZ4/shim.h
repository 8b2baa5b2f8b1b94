// What the log uses of lz4, its frame format; Scripts/setup installs the header and the library.
#include <lz4frame.h>
