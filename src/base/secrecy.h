#pragma once

/*
 * What other processes of the same user may see of this one. A build for the address sanitizer
 * stays open, since its search for leaks looks in from outside.
 */

#if defined(__SANITIZE_ADDRESS__)
#define SECRECY_HOLDS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SECRECY_HOLDS 0
#endif
#endif
#ifndef SECRECY_HOLDS
#define SECRECY_HOLDS 1
#endif

/* From here on none of them may look into its memory, its environment, its descriptors (ptrace(2),
 * /proc/PID). What it executes begins anew. */
void secrecy_begin(void);
