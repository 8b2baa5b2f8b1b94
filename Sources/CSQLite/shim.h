// What the engine uses of SQLite; Scripts/setup installs the header and the library.
#include <sqlite3.h>
