#include "edge/fault.h"

static const struct fault_row rows[FAULT_COUNT] = {
#define X(id, status_, type_, code_, retry_, error_code_)                                          \
    [FAULT_##id] = {.status = (status_),                                                           \
                    .type = STR_INIT(type_),                                                       \
                    .code = STR_INIT(code_),                                                       \
                    .retry = FAULT_RETRY_##retry_,                                                 \
                    .error_code = STR_INIT(error_code_)},
    FAULT_TABLE(X)
#undef X
};

const struct fault_row *fault_row(enum fault fault)
{
    return &rows[fault];
}

static void put_error(struct buf *to, str message, str type, str param, str code)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_key(&j, "error");
    json_open_object(&j);
    json_member_str(&j, "message", message);
    json_member_str(&j, "type", type);
    if (param.n)
        json_member_str(&j, "param", param);
    else
        json_member_null(&j, "param");
    json_member_str(&j, "code", code);
    json_close_object(&j);
    json_close_object(&j);
}

void fault_body(enum fault fault, str message, str param, struct buf *to)
{
    put_error(to, message, rows[fault].type, param, rows[fault].code);
}

void fault_body_of_host(enum fault fault, str message, struct buf *to)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_member_str(&j, "error", message);
    json_member_str(&j, "error_code", rows[fault].error_code);
    json_close_object(&j);
}

void fault_body_of_status(unsigned status, str message, struct buf *to)
{
    str code = status == 408   ? STR("request_timeout")
               : status == 413 ? STR("request_too_large")
               : status == 414 ? STR("uri_too_long")
               : status == 417 ? STR("expectation_failed")
               : status == 431 ? STR("headers_too_large")
               : status == 501 ? STR("not_implemented")
               : status == 505 ? STR("http_version_not_supported")
                               : STR("invalid_http");

    put_error(to, message, status < 500 ? STR("invalid_request_error") : STR("server_error"),
              STR_NULL, code);
}
