#include "base/secrecy.h"

#include <sys/prctl.h>

void secrecy_begin(void)
{
    if (SECRECY_HOLDS)
        prctl(PR_SET_DUMPABLE, 0);
}
