/* What is seen in an event stream does not depend on how it is cut, nor on which line ends it has.
 */

#include "base/mem.h"
#include "http/sse.h"
#include "unit/test.h"

#define USAGE(p, c)                                                                                \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" #p ",\"completion_tokens\":" #c "}}\n\n"
#define CHUNK "data: {\"id\":\"chat_1\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"

enum { UNTOUCHED = 77, NOT_TOLD = -1 };

struct told {
    uint64_t prompt, completion;
    char id[SSE_ID_MAX + 1];
    bool boundary;
    long done_at; /* where the line that says [DONE] begins */
    unsigned n_done;
};

/* Feeds one slice, as a relay does: after a mark the rest is fed again. */
static void feed(struct sse *s, str slice, size_t offset, struct told *t)
{
    struct sse_event_mark mark;

    for (;;) {
        size_t used = sse_feed(s, slice, &mark);

        CHECK(used <= slice.n);
        offset += used;
        slice = str_from(slice, used);
        if (mark.kind == SSE_MARK_NONE)
            break;
        t->done_at = (long)offset;
        t->n_done++;
    }
    CHECK_INT(slice.n, 0);
}

/* `cuts` are two offsets, in order; a piece between them may be empty. */
static struct told watch(str text, unsigned wishes, size_t first, size_t second)
{
    const size_t ends[] = {first, second, text.n};
    struct told t = {.prompt = UNTOUCHED, .completion = UNTOUCHED, .done_at = NOT_TOLD};
    struct sse *s = sse_new(wishes);

    for (size_t i = 0, at = 0; i < COUNT_OF(ends); at = ends[i++]) {
        char *copy = mem_alloc(ends[i] - at); /* the next slice lies elsewhere */

        memcpy(copy, text.p + at, ends[i] - at);
        feed(s, str_make(copy, ends[i] - at), at, &t);
        mem_free(copy);
    }
    sse_usage(s, &t.prompt, &t.completion);
    snprintf(t.id, sizeof(t.id), "%.*s", STR_ARG(sse_id(s)));
    t.boundary = sse_at_boundary(s);
    sse_free(s);
    return t;
}

static struct told watch_whole(const char *text)
{
    return watch(str_of(text), SSE_FIND_DONE | SSE_FIND_ID, 0, 0);
}

static str with_line_ends(str text, const char *end, struct buf *to)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            buf_put_str(to, str_of(end));
        else
            buf_put_char(to, text.p[i]);
    return buf_str(to);
}

static void the_last_usage_counts(void)
{
    struct told t = watch_whole(CHUNK USAGE(1, 2) CHUNK USAGE(3, 4) CHUNK "data: [DONE]\n\n");

    CHECK_INT(t.prompt, 3);
    CHECK_INT(t.completion, 4);
    t = watch_whole(CHUNK "data: {\"usage\":null}\n\ndata: [DONE]\n\n");
    CHECK_INT(t.prompt, UNTOUCHED);
    CHECK_INT(t.completion, UNTOUCHED);
    t = watch_whole(USAGE(3, 4) "data: {\"usage\":null}\n\n"); /* and is kept */
    CHECK_INT(t.prompt, 3);
}

static void only_data_is_looked_at(void)
{
    static const char *const streams[] = {
        ": {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        "event: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        "dat: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        "datax: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        " data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        "data: \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}", /* its end never came */
        "data: {\"text\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":3}\"}\n\n",
        "data: {\"deep\":{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}}\n\n",
    };

    for (size_t i = 0; i < COUNT_OF(streams); i++) {
        struct told t = watch_whole(streams[i]);

        CHECK_INT(t.prompt, UNTOUCHED);
        CHECK_INT(t.completion, UNTOUCHED);
    }
    CHECK_INT(
        watch_whole("data:{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n").prompt, 3);
    CHECK_INT(watch_whole("event: x\ndata: {\"response\":{\"usage\":{\"input_tokens\":3,"
                          "\"output_tokens\":4}}}\n\n")
                  .completion,
              4);
}

static void the_id_is_in_the_first_line_of_data(void)
{
    CHECK_STR(str_of(watch_whole(": hello\n\n" CHUNK).id), "chat_1");
    CHECK_STR(str_of(watch_whole("event: response.created\ndata: {\"response\":{\"id\":\"resp_1\"}}"
                                 "\n\ndata: {\"id\":\"other\"}\n\n")
                         .id),
              "resp_1");
    CHECK_STR(str_of(watch_whole("data: {\"no\":1}\n\n" CHUNK).id), "");
    CHECK_STR(str_of(watch_whole("data: {\"id\":\"chat_1\"").id), "");
    CHECK_STR(str_of(watch_whole("data: {\"id\":1}\n\n").id), "");
    CHECK_STR(str_of(watch(STR(CHUNK), SSE_WATCH, 0, 0).id), ""); /* nobody wished for it */
}

static void an_id_that_is_too_long_is_none(void)
{
    CLEANUP(buf_deinit) struct buf text;

    for (size_t n = SSE_ID_MAX - 1; n <= SSE_ID_MAX + 1; n++) {
        buf_init(&text, 0);
        buf_printf(&text, "data: {\"id\":\"%0*d\"}\n\n", (int)n, 7);
        struct told t = watch(buf_str(&text), SSE_FIND_ID, 0, 0);
        CHECK(strlen(t.id) == n || strlen(t.id) == 0);
        CHECK(n >= SSE_ID_MAX || strlen(t.id) == n);
        CHECK(n <= SSE_ID_MAX || strlen(t.id) == 0);
        buf_deinit(&text);
    }
}

/* Two cuts at every pair of places, for each kind of line end. */
static void cuts_and_line_ends_change_nothing(void)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    static const char stream[] =
        ": ping\n\nevent: e\nid: 4\n" CHUNK USAGE(1, 2) CHUNK USAGE(3, 4) "data: {\"z\":\"";

    for (size_t e = 0; e < COUNT_OF(ends); e++) {
        CLEANUP(buf_deinit) struct buf storage;

        buf_init(&storage, 0);
        str text = with_line_ends(STR(stream), ends[e], &storage);
        for (size_t first = 0; first <= text.n; first++)
            for (size_t second = first; second <= text.n; second += 1 + second % 3) {
                struct told t = watch(text, SSE_FIND_DONE | SSE_FIND_ID, first, second);

                CHECK_INT(t.prompt, 3);
                CHECK_INT(t.completion, 4);
                CHECK_STR(str_of(t.id), "chat_1");
                CHECK(!t.boundary);
                CHECK_INT(t.n_done, 0);
            }
    }
}

static void an_event_can_follow_a_blank_line_only(void)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};

    for (size_t e = 0; e < COUNT_OF(ends); e++) {
        CLEANUP(buf_deinit) struct buf storage;

        buf_init(&storage, 0);
        str text = with_line_ends(STR("data: 1\n\n: x\n\n\ndata: 2\n"), ends[e], &storage);
        for (size_t n = 0; n <= text.n; n++)
            for (size_t cut = 0; cut <= n; cut++) {
                struct told t = watch(str_upto(text, n), SSE_WATCH, cut, cut);
                str so_far = str_upto(text, n);
                bool blank = n == 0;

                /* LF of a CRLF belongs to the line end that its CR was already */
                if (e == 1 && str_ends(so_far, STR("\n")))
                    so_far.n--;
                for (size_t k = 0; k < COUNT_OF(ends); k++) {
                    char two[8];

                    snprintf(two, sizeof(two), "%s%.1s", ends[e], ends[e]);
                    blank = blank || str_ends(so_far, str_of(two));
                }
                CHECK(t.boundary == blank);
            }
    }
}

static void done_is_told_where_its_line_begins(void)
{
    static const char *const dones[] = {"data: [DONE]\n\n", "data:[DONE]\n\n",
                                        "data: [DONE]\r\n\r\n", "data: [DONE]\r\r"};

    for (size_t i = 0; i < COUNT_OF(dones); i++) {
        CLEANUP(buf_deinit) struct buf text;

        buf_init(&text, 0);
        buf_put_str(&text, STR(CHUNK));
        size_t begin = text.n;
        buf_put_str(&text, str_of(dones[i]));
        size_t end = begin + str_search(str_of(dones[i]), STR("]")) + 2; /* with its line end */
        for (size_t cut = 0; cut <= text.n; cut++) {
            struct told t = watch(buf_str(&text), SSE_FIND_DONE, cut, cut);
            bool whole = cut <= begin || cut >= end;

            CHECK_INT(t.n_done, whole ? 1 : 0);
            CHECK_INT(t.done_at, whole ? (long)begin : NOT_TOLD);
            CHECK(t.boundary);
        }
    }
}

/* An event of one's own goes before [DONE], once, where an event can begin. */
static void splicing_before_done(void)
{
    struct sse *s = sse_new(SSE_FIND_DONE);
    struct sse_event_mark mark;
    str text = STR(CHUNK "data: [DONE]\n\ndata: [DONE]\n\n");
    size_t used = sse_feed(s, text, &mark);

    CHECK_INT(mark.kind, SSE_MARK_DONE);
    CHECK_INT(used, sizeof(CHUNK) - 1);
    CHECK(sse_at_boundary(s));
    text = str_from(text, used);
    CHECK_INT(sse_feed(s, text, &mark), text.n);
    CHECK_INT(mark.kind, SSE_MARK_NONE);
    sse_free(s);
    CHECK_INT(watch(STR(CHUNK "data: [DONE]\n\n"), SSE_WATCH, 0, 0).n_done, 0);
}

static void what_is_nearly_done_is_not(void)
{
    static const char *const streams[] = {
        "data: [DONE] \n\n",  "data: [done]\n\n",     "[DONE]\n\n",  "data:  [DONE]\n\n",
        ": data: [DONE]\n\n", "data: \"[DONE]\"\n\n", "data: [DONE]"};

    for (size_t i = 0; i < COUNT_OF(streams); i++)
        for (size_t cut = 0; cut <= strlen(streams[i]); cut++)
            CHECK_INT(watch(str_of(streams[i]), SSE_FIND_DONE, cut, cut).n_done, 0);
}

/* A line of SSE_LINE_MAX bytes is read, one byte more is passed unread; the next one is read. */
static void lines_have_a_limit_wherever_they_are_cut(void)
{
    static const char head[] =
        "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6},\"x\":\"";
    static const char tail[] = "\"}";

    for (size_t beyond = 0; beyond < 2; beyond++) {
        const size_t line = SSE_LINE_MAX + beyond,
                     cuts[] = {0, 1, 7, line / 2, line - 1, line, line + 1, line + 2};
        CLEANUP(buf_deinit) struct buf text;

        buf_init(&text, 0);
        buf_put_str(&text, STR(head));
        while (text.n < line - strlen(tail))
            buf_put_char(&text, 'x');
        buf_put_str(&text, STR("\"}\n\n"));
        for (size_t i = 0; i < COUNT_OF(cuts); i++) {
            struct told t = watch(buf_str(&text), SSE_WATCH, cuts[i], cuts[i]);

            CHECK_INT(t.prompt, beyond ? UNTOUCHED : 5);
            CHECK(t.boundary);
        }
        buf_put_str(&text, STR(USAGE(3, 4)));
        for (size_t i = 0; i < COUNT_OF(cuts); i++)
            CHECK_INT(watch(buf_str(&text), SSE_WATCH, cuts[i], cuts[i]).prompt, 3);
    }
}

/* Any bytes at all, in the smallest pieces. */
static void a_stream_that_is_none_passes(void)
{
    struct sse *s = sse_new(SSE_FIND_DONE | SSE_FIND_ID);
    struct told t = {.prompt = UNTOUCHED};

    for (unsigned i = 0; i < 4096; i++) {
        char c = (char)(i * 2654435761u >> 24);

        feed(s, str_make(&c, 1), i, &t);
    }
    sse_usage(s, &t.prompt, &t.completion);
    CHECK_INT(t.prompt, UNTOUCHED);
    CHECK_INT(sse_id(s).n, 0);
    sse_free(s);
    sse_free(NULL);
}

int main(void)
{
    RUN(the_last_usage_counts);
    RUN(only_data_is_looked_at);
    RUN(the_id_is_in_the_first_line_of_data);
    RUN(an_id_that_is_too_long_is_none);
    RUN(cuts_and_line_ends_change_nothing);
    RUN(an_event_can_follow_a_blank_line_only);
    RUN(done_is_told_where_its_line_begins);
    RUN(splicing_before_done);
    RUN(what_is_nearly_done_is_not);
    RUN(lines_have_a_limit_wherever_they_are_cut);
    RUN(a_stream_that_is_none_passes);
    return test_end();
}
