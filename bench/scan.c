/*
 * How fast request bodies are scanned: a million bytes as clients send them, fed in the pieces in
 * which a worker reads them, from making the scan to the last byte.
 *
 *   bench-scan
 *
 * On standard output: a JSON object, GB/s by the kind of text.
 */

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_scan.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TEXT_BYTES = 1000000,
    PIECE_BYTES = 64 * 1024,
    RUNS = 150,
    BATCHES = 5,
    MEMBERS = 1024,
    DEPTH = 128
};

static const char open[] = "{\"model\":\"mistral-medium-3\",\"user\":\"acme\",\"messages\":[";

static const struct kind {
    const char *name, *message;
} kinds[] = {
    {"many small messages",
     "{\"role\":\"user\",\"content\":\"The quick brown fox jumps over the lazy dog, and then?\"}"},
    {"escaped text",
     "{\"role\":\"user\",\"content\":\"static int compare(const void *a, const void *b)\\n{\\n    "
     "uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;\\n\\n    return (x > y) - (x < "
     "y);\\n}\\n\\nstatic uint32_t percentile(const uint32_t *sorted, size_t n)\\n{\\n    return n "
     "? "
     "sorted[(n - 1) * 99 / 100] : 0;\\n}\\n\\nint main(void)\\n{\\n    puts(\\\"hello\\\");\\n    "
     "return EXIT_SUCCESS;\\n}\\n\"}"},
    {"an escape every 8 bytes", "{\"role\":\"user\",\"content\":\"a \\\"b\\\" c\\n\\td \\\"e\\\", "
                                "f\\\\g\\n\\th: \\\"i j\\\"\\n\"}"},
    {"text beyond ASCII",
     "{\"role\":\"user\",\"content\":\"Za\u017c\u00f3\u0142\u0107 g\u0119\u015bl\u0105 "
     "ja\u017a\u0144, \u0441\u044a\u0435\u0448\u044c \u0435\u0449\u0451 \u044d\u0442\u0438\u0445 "
     "\u043c\u044f\u0433\u043a\u0438\u0445 \u0431\u0443\u043b\u043e\u043a\"}"},
};

static void make_messages(struct buf *to, const char *message)
{
    buf_put_str(to, str_of(open));
    while (to->n < TEXT_BYTES) {
        buf_put_str(to, str_of(message));
        buf_put_char(to, ',');
    }
    to->n--;
    buf_put_str(to, STR("]}"));
}

static void make_long(struct buf *to)
{
    buf_put_str(to, str_of(open));
    buf_put_str(to, STR("{\"role\":\"user\",\"content\":\""));
    while (to->n < 8 * TEXT_BYTES)
        buf_put_str(to, STR("The quick brown fox jumps over the lazy dog. "));
    buf_put_str(to, STR("\"}]}"));
}

static void scan(str text)
{
    struct json_scan *s = json_scan_new(MEMBERS, DEPTH);

    for (size_t n = PIECE_BYTES; n < text.n; n += PIECE_BYTES)
        json_scan_feed(s, str_upto(text, n), JSON_SCAN_MORE_COMES);
    if (json_scan_feed(s, text, JSON_SCAN_LAST) != JSON_SCAN_DONE) {
        fprintf(stderr, "bench-scan: %.*s\n", STR_ARG(json_scan_error_text(s)));
        exit(1);
    }
    json_scan_free(s);
}

static double speed(str text)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < BATCHES; i++) {
        int64_t began = clock_monotonic_ns();

        for (int k = 0; k < RUNS; k++)
            scan(text);
        int64_t took = clock_monotonic_ns() - began;
        best = took < best ? took : best;
    }
    return (double)text.n * RUNS / (double)best;
}

int main(void)
{
    struct buf text;

    printf("{");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        buf_init(&text, 0);
        make_messages(&text, kinds[i].message);
        printf("\"%s\":%.3f,", kinds[i].name, speed(buf_str(&text)));
        buf_deinit(&text);
    }
    buf_init(&text, 0);
    make_long(&text);
    printf("\"one long string\":%.3f}\n", speed(buf_str(&text)));
    buf_deinit(&text);
    return 0;
}
