// What Avro's container files use of zlib; Scripts/setup installs the header and the library.
#include <zlib.h>
