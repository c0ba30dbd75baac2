#include "cli/progress.h"
#include "unit/test.h"

static void check_text(struct progress *p, uint64_t done, const char *expected)
{
    struct buf text;

    buf_init(&text, 0);
    progress_text(p, done, &text);
    CHECK_STR(text.n ? buf_str(&text) : STR(""), expected);
    buf_deinit(&text);
}

static void test_a_line_for_every_tenth(void)
{
    struct progress p = {.what = "upload", .bytes = 10 << 20, .form = PROGRESS_LINES};

    check_text(&p, 0, "");
    check_text(&p, 1 << 19, "");
    check_text(&p, 1 << 20, "upload: 10 % of 10.0 MiB\n");
    check_text(&p, (1 << 20) + 5, "");
    check_text(&p, 5 << 20, "upload: 50 % of 10.0 MiB\n");
    check_text(&p, 10 << 20, "upload: 100 % of 10.0 MiB\n");
    check_text(&p, 10 << 20, "");
}

static void test_a_bar_is_drawn_over_and_ends_its_line(void)
{
    struct progress p = {.what = "upload", .bytes = 2 << 20, .form = PROGRESS_BAR};

    check_text(&p, 0, "");
    check_text(&p, 1 << 20, "\rupload [###############               ]  50 % of 2.0 MiB");
    check_text(&p, 1 << 20, "");
    check_text(&p, 2 << 20, "\rupload [##############################] 100 % of 2.0 MiB\n");
}

static void test_nothing_is_all_of_it(void)
{
    struct progress p = {.what = "upload", .form = PROGRESS_LINES};

    check_text(&p, 0, "upload: 100 % of 0 KiB\n");
}

int main(void)
{
    RUN(test_a_line_for_every_tenth);
    RUN(test_a_bar_is_drawn_over_and_ends_its_line);
    RUN(test_nothing_is_all_of_it);
    return test_end();
}
