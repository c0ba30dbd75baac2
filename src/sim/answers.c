#include "sim/answers.h"

#include "base/json_out.h"

static const str words[] = {
    STR_INIT("This"),     STR_INIT(" answer"), STR_INIT(" is"),   STR_INIT(" simulated"),
    STR_INIT(" by"),      STR_INIT(" "),       STR_INIT(";"),     STR_INIT(" no"),
    STR_INIT(" model"),   STR_INIT(" was"),    STR_INIT(" run."), STR_INIT(" It"),
    STR_INIT(" repeats"), STR_INIT(" until"),  STR_INIT(" the"),  STR_INIT(" number"),
    STR_INIT(" of"),      STR_INIT(" tokens"), STR_INIT(" is"),   STR_INIT(" reached. "),
};

enum { N_WORDS = sizeof(words) / sizeof(words[0]), REGION_WORD = 5, HEX_ID = 16 };

static void put_id(struct buf *to, const char *prefix, uint64_t id)
{
    static const char digits[] = "0123456789abcdef";
    char *at;

    buf_put_str(to, str_of(prefix));
    at = buf_reserve(to, HEX_ID);
    for (int i = 0; i < HEX_ID; i++)
        at[i] = digits[id >> (60 - 4 * i) & 15];
    to->n += HEX_ID;
}

/* Between quotes. Words need no escaping; a region's name may. */
static void put_token(const struct sim_answer *a, uint64_t index, struct buf *to)
{
    if (index % N_WORDS != REGION_WORD) {
        buf_put_str(to, words[index % N_WORDS]);
        return;
    }
    buf_put_char(to, ' ');
    json_escape(to, a->region);
}

static void put_text(const struct sim_answer *a, struct buf *to)
{
    for (uint64_t i = 0; i < a->tokens; i++)
        put_token(a, i, to);
}

static void put_usage(const struct sim_answer *a, const char *prompt, const char *completion,
                      struct buf *to)
{
    buf_put_str(to, STR("\"usage\":{\""));
    buf_put_str(to, str_of(prompt));
    buf_put_str(to, STR("\":"));
    buf_put_u64(to, a->prompt_tokens);
    if (completion) {
        buf_put_str(to, STR(",\""));
        buf_put_str(to, str_of(completion));
        buf_put_str(to, STR("\":"));
        buf_put_u64(to, a->tokens);
    }
    buf_put_str(to, STR(",\"total_tokens\":"));
    buf_put_u64(to, a->prompt_tokens + (completion ? a->tokens : 0));
    buf_put_char(to, '}');
}

static void put_model(const struct sim_answer *a, struct buf *to)
{
    buf_put_str(to, STR("\"model\":\""));
    json_escape(to, a->model);
    buf_put_str(to, STR("\""));
}

static void put_head(const struct sim_answer *a, const char *prefix, const char *object,
                     struct buf *to)
{
    buf_put_str(to, STR("{\"id\":\""));
    put_id(to, prefix, a->id);
    buf_put_str(to, STR("\",\"object\":\""));
    buf_put_str(to, str_of(object));
    buf_put_str(to, STR("\",\"created\":"));
    buf_put_u64(to, (uint64_t)a->created_s);
    buf_put_char(to, ',');
    put_model(a, to);
    buf_put_str(to, STR(",\"system_fingerprint\":\"ambit-sim\","));
}

void sim_answer_chat(const struct sim_answer *a, struct buf *to)
{
    put_head(a, "chatcmpl-", "chat.completion", to);
    buf_put_str(to, STR("\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                        "\"content\":\""));
    put_text(a, to);
    buf_put_str(to, STR("\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"));
    put_usage(a, "prompt_tokens", "completion_tokens", to);
    buf_put_char(to, '}');
}

void sim_answer_completion(const struct sim_answer *a, struct buf *to)
{
    put_head(a, "cmpl-", "text_completion", to);
    buf_put_str(to, STR("\"choices\":[{\"index\":0,\"text\":\""));
    put_text(a, to);
    buf_put_str(to, STR("\",\"logprobs\":null,\"finish_reason\":\"stop\"}],"));
    put_usage(a, "prompt_tokens", "completion_tokens", to);
    buf_put_char(to, '}');
}

void sim_answer_embedding(const struct sim_answer *a, size_t n_inputs, struct buf *to)
{
    buf_put_str(to, STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; i < n_inputs; i++) {
        buf_put_str(to, i ? STR(",{\"object\":\"embedding\",\"index\":")
                          : STR("{\"object\":\"embedding\",\"index\":"));
        buf_put_u64(to, i);
        buf_put_str(to, STR(",\"embedding\":[0.5,-0.5,0.25,-0.25,0.125,-0.125,0.0625,-0.0625]}"));
    }
    buf_put_str(to, STR("],"));
    put_model(a, to);
    buf_put_char(to, ',');
    put_usage(a, "prompt_tokens", NULL, to);
    buf_put_char(to, '}');
}

enum response_text { RESPONSE_EMPTY, RESPONSE_WITH_TEXT };

static void put_item(const struct sim_answer *a, str status, enum response_text text,
                     struct buf *to)
{
    buf_put_str(to, STR("{\"type\":\"message\",\"id\":\""));
    put_id(to, "msg_", a->id);
    buf_put_str(to, STR("\",\"role\":\"assistant\",\"status\":\""));
    buf_put_str(to, status);
    buf_put_str(to, STR("\",\"content\":["));
    if (text == RESPONSE_WITH_TEXT) {
        buf_put_str(to, STR("{\"type\":\"output_text\",\"annotations\":[],\"text\":\""));
        put_text(a, to);
        buf_put_str(to, STR("\"}"));
    }
    buf_put_str(to, STR("]}"));
}

void sim_answer_response(const struct sim_answer *a, str status, struct buf *to)
{
    bool done = str_eq(status, STR("completed"));

    buf_put_str(to, STR("{\"id\":\""));
    put_id(to, "resp_", a->id);
    buf_put_str(to, STR("\",\"object\":\"response\",\"created_at\":"));
    buf_put_u64(to, (uint64_t)a->created_s);
    buf_put_str(to, STR(",\"status\":\""));
    buf_put_str(to, status);
    buf_put_str(to, STR("\",\"error\":null,\"incomplete_details\":null,\"instructions\":null,"
                        "\"metadata\":{},\"parallel_tool_calls\":true,\"temperature\":1.0,"
                        "\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,"));
    put_model(a, to);
    buf_put_str(to, STR(",\"output\":["));
    if (done)
        put_item(a, STR("completed"), RESPONSE_WITH_TEXT, to);
    buf_put_str(to, STR("],"));
    if (done)
        put_usage(a, "input_tokens", "output_tokens", to);
    else
        buf_put_str(to, STR("\"usage\":null"));
    buf_put_char(to, '}');
}

void sim_answer_transcription(const struct sim_answer *a, struct buf *to)
{
    buf_put_str(to, STR("{\"text\":\""));
    put_text(a, to);
    buf_put_str(to, STR("\","));
    put_usage(a, "input_tokens", "output_tokens", to);
    buf_put_char(to, '}');
}

/* 8,000 samples a second, 8 bit, one channel (RIFF WAVE, PCM). */
void sim_answer_speech(struct buf *to)
{
    enum { SAMPLES = 800 };
    static const char head[] = "RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x40\x1f\0\0"
                               "\1\0\x08\0data\x20\x03\0\0";

    buf_put(to, head, sizeof(head) - 1);
    char *at = buf_reserve(to, SAMPLES);
    memset(at, 0x80, SAMPLES);
    to->n += SAMPLES;
}

void sim_answer_models(str region, const char *const *names, size_t n, struct buf *to)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_member_str(&j, "object", STR("list"));
    json_key(&j, "data");
    json_open_array(&j);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&j);
        json_member_str(&j, "id", str_of(names[i]));
        json_member_str(&j, "object", STR("model"));
        json_member_u64(&j, "created", 0);
        json_member_str(&j, "owned_by", region);
        json_close_object(&j);
    }
    json_close_array(&j);
    json_close_object(&j);
}

void sim_answer_error(str region, unsigned status, struct buf *to)
{
    buf_printf(to,
               "{\"error\":{\"message\":\"simulated error %u by %.*s\",\"type\":\"%s\",\"param\":"
               "null,\"code\":\"simulated_fault\"}}",
               status, STR_ARG(region), status >= 500 ? "server_error" : "invalid_request_error");
}

/* --- event streams */

static void begin_chunk(const struct sim_answer *a, enum sim_stream kind, struct buf *to)
{
    buf_put_str(to, STR("data: "));
    if (kind == SIM_STREAM_CHAT)
        put_head(a, "chatcmpl-", "chat.completion.chunk", to);
    else
        put_head(a, "cmpl-", "text_completion", to);
}

static void begin_event(const char *type, struct buf *to)
{
    buf_printf(to, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void put_item_id(const struct sim_answer *a, struct buf *to)
{
    buf_put_str(to, STR(",\"item_id\":\""));
    put_id(to, "msg_", a->id);
    buf_put_str(to, STR("\",\"output_index\":0,\"content_index\":0"));
}

void sim_stream_begin(const struct sim_answer *a, enum sim_stream kind, struct buf *to)
{
    if (kind == SIM_STREAM_COMPLETION)
        return;
    if (kind == SIM_STREAM_CHAT) {
        begin_chunk(a, kind, to);
        buf_put_str(to, STR("\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                            "\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"));
        return;
    }
    begin_event("response.created", to);
    buf_put_str(to, STR(",\"sequence_number\":0,\"response\":"));
    sim_answer_response(a, STR("in_progress"), to);
    buf_put_str(to, STR("}\n\n"));
    begin_event("response.output_item.added", to);
    buf_put_str(to, STR(",\"sequence_number\":1,\"output_index\":0,\"item\":"));
    put_item(a, STR("in_progress"), RESPONSE_EMPTY, to);
    buf_put_str(to, STR("}\n\n"));
    begin_event("response.content_part.added", to);
    buf_put_str(to, STR(",\"sequence_number\":2"));
    put_item_id(a, to);
    buf_put_str(to,
                STR(",\"part\":{\"type\":\"output_text\",\"annotations\":[],\"text\":\"\"}}\n\n"));
}

void sim_stream_token(const struct sim_answer *a, enum sim_stream kind, uint64_t index,
                      struct buf *to)
{
    switch (kind) {
    case SIM_STREAM_CHAT:
        begin_chunk(a, kind, to);
        buf_put_str(to, STR("\"choices\":[{\"index\":0,\"delta\":{\"content\":\""));
        put_token(a, index, to);
        buf_put_str(to, STR("\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"));
        break;
    case SIM_STREAM_COMPLETION:
        begin_chunk(a, kind, to);
        buf_put_str(to, STR("\"choices\":[{\"index\":0,\"text\":\""));
        put_token(a, index, to);
        buf_put_str(to, STR("\",\"logprobs\":null,\"finish_reason\":null}]}\n\n"));
        break;
    case SIM_STREAM_RESPONSE:
        begin_event("response.output_text.delta", to);
        buf_put_str(to, STR(",\"sequence_number\":"));
        buf_put_u64(to, 3 + index);
        put_item_id(a, to);
        buf_put_str(to, STR(",\"logprobs\":[],\"delta\":\""));
        put_token(a, index, to);
        buf_put_str(to, STR("\"}\n\n"));
        break;
    }
}

static void end_response(const struct sim_answer *a, struct buf *to)
{
    begin_event("response.output_text.done", to);
    buf_put_str(to, STR(",\"sequence_number\":"));
    buf_put_u64(to, 3 + a->tokens);
    put_item_id(a, to);
    buf_put_str(to, STR(",\"logprobs\":[],\"text\":\""));
    put_text(a, to);
    buf_put_str(to, STR("\"}\n\n"));
    begin_event("response.output_item.done", to);
    buf_put_str(to, STR(",\"sequence_number\":"));
    buf_put_u64(to, 4 + a->tokens);
    buf_put_str(to, STR(",\"output_index\":0,\"item\":"));
    put_item(a, STR("completed"), RESPONSE_WITH_TEXT, to);
    buf_put_str(to, STR("}\n\n"));
    begin_event("response.completed", to);
    buf_put_str(to, STR(",\"sequence_number\":"));
    buf_put_u64(to, 5 + a->tokens);
    buf_put_str(to, STR(",\"response\":"));
    sim_answer_response(a, STR("completed"), to);
    buf_put_str(to, STR("}\n\n"));
}

void sim_stream_end(const struct sim_answer *a, enum sim_stream kind, enum sim_usage usage,
                    struct buf *to)
{
    if (kind == SIM_STREAM_RESPONSE) {
        end_response(a, to);
        return;
    }
    begin_chunk(a, kind, to);
    buf_put_str(to, kind == SIM_STREAM_CHAT
                        ? STR("\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                              "\"finish_reason\":\"stop\"}]}\n\n")
                        : STR("\"choices\":[{\"index\":0,\"text\":\"\",\"logprobs\":null,"
                              "\"finish_reason\":\"stop\"}]}\n\n"));
    if (usage == SIM_WITH_USAGE) {
        begin_chunk(a, kind, to);
        buf_put_str(to, STR("\"choices\":[],"));
        put_usage(a, "prompt_tokens", "completion_tokens", to);
        buf_put_str(to, STR("}\n\n"));
    }
    buf_put_str(to, STR("data: [DONE]\n\n"));
}
