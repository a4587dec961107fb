/* The SDK, to be compiled beside a plugin and `generated/plugin.c`: one file, so that nobody lists its parts. */
#include "src/sdk.h"

#include "src/memory.c"
#include "src/result.c"
#include "src/read.c"
#include "src/build.c"
#include "src/host.c"
#include "src/tables.c"
#include "src/batch.c"
