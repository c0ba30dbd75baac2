#pragma once

/*
 * What every unit program needs: CHECK that names the place and goes on to the next test on
 * failure, RUN that prints a line a test, and a closing line. A program is a list of RUN(test_name)
 * in main, ending in `return test_end();`.
 */

#include "base/str.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf test_escape;
static int tests_passed, tests_failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("  %s:%d: %s\n", __FILE__, __LINE__, #condition);                               \
            longjmp(test_escape, 1);                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_STR(actual, expected)                                                                \
    do {                                                                                           \
        str actual_ = (actual), expected_ = str_of(expected);                                      \
        if (!str_eq(actual_, expected_)) {                                                         \
            printf("  %s:%d: \"%.*s\" is not \"%.*s\"\n", __FILE__, __LINE__, STR_ARG(actual_),    \
                   STR_ARG(expected_));                                                            \
            longjmp(test_escape, 1);                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_INT(actual, expected)                                                                \
    do {                                                                                           \
        long long actual_ = (long long)(actual), expected_ = (long long)(expected);                \
        if (actual_ != expected_) {                                                                \
            printf("  %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_,        \
                   expected_);                                                                     \
            longjmp(test_escape, 1);                                                               \
        }                                                                                          \
    } while (0)

#define RUN(test)                                                                                  \
    do {                                                                                           \
        if (setjmp(test_escape) == 0) {                                                            \
            test();                                                                                \
            tests_passed++;                                                                        \
            printf("ok %s\n", #test);                                                              \
        } else {                                                                                   \
            tests_failed++;                                                                        \
            printf("not ok %s\n", #test);                                                          \
        }                                                                                          \
        fflush(stdout); /* a sanitizer that ends the program leaves the rest unsaid */             \
    } while (0)

static inline int test_end(void)
{
    printf("%d passed, %d failed\n", tests_passed, tests_failed);
    return tests_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
