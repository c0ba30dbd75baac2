#include "config/origin.h"

#include "base/wire.h"

#include <arpa/inet.h>
#include <openssl/evp.h>

enum { UNIX_PATH_MAX = 107, HOST_MAX = 253 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool is_host_name(str host)
{
    if (host.n == 0 || host.n > HOST_MAX || host.p[0] == '.' || host.p[0] == '-')
        return false;
    for (size_t i = 0; i < host.n; i++) {
        if (!is_name_char(host.p[i]))
            return false;
    }
    return true;
}

static bool is_ipv6(str host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];

    if (host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_path(str path)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] <= ' ' || path.p[i] > '~' || memchr("\"<>\\^`{|}", path.p[i], 9))
            return false;
    }
    return true;
}

static str lower(str s, struct arena *arena)
{
    char *copy = arena_alloc(arena, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        copy[i] = str_lower_char(s.p[i]);
    copy[s.n] = 0;
    return str_make(copy, s.n);
}

/* Without slashes at its end. */
static str trim_path(str path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

static const char *parse_authority(str authority, struct origin *o)
{
    size_t end = str_find(authority, ']', 0);
    uint64_t port;
    str text;

    if (str_find(authority, '@', 0) < authority.n)
        return "must not hold a user name or password; use api_key";
    if (str_starts(authority, STR("["))) {
        o->host = str_upto(str_from(authority, 1), end - 1);
        text = str_from(authority, end + 1);
        if (end == authority.n || !is_ipv6(o->host))
            return "has no valid IPv6 address between its brackets";
    } else {
        o->host = str_upto(authority, str_find(authority, ':', 0));
        text = str_from(authority, o->host.n);
        if (!is_host_name(o->host))
            return "has no valid host name";
    }
    o->port = o->tls ? 443 : 80;
    if (text.n == 0)
        return NULL;
    if (text.p[0] != ':' || !str_parse_u64(str_from(text, 1), &port) || port == 0 ||
        port > UINT16_MAX)
        return "has no valid port";
    o->port = (uint16_t)port;
    return NULL;
}

static const char *parse_unix(str text, struct arena *arena, struct origin *o)
{
    str path = str_cut(&text, ':');

    if (!str_starts(path, STR("/")) || path.n > UNIX_PATH_MAX || !is_path(path))
        return "must name a socket by an absolute path of at most 107 bytes";
    if (text.n && (!is_path(text) || text.p[0] != '/'))
        return "has no valid path behind the socket";
    o->unix_path = arena_copy(arena, path);
    o->host = STR("localhost");
    o->base_path = arena_copy(arena, trim_path(text));
    return NULL;
}

static const char *parse_url(str text, struct arena *arena, struct origin *o)
{
    str rest = text, before_query = str_cut(&rest, '?');
    size_t slash = str_find(before_query, '/', 0);
    const char *problem = parse_authority(lower(str_upto(before_query, slash), arena), o);
    str path = str_from(before_query, slash);

    if (problem)
        return problem;
    if (!is_path(path) || !is_path(rest))
        return "has a blank or another character in its path that has to be escaped";
    if (str_find(text, '#', 0) < text.n)
        return "must not have a fragment (#…)";
    o->base_path = arena_copy(arena, trim_path(path));
    o->query = arena_copy(arena, rest);
    return NULL;
}

const char *origin_parse(str api_base, struct arena *arena, struct origin *ret_origin)
{
    struct origin o = {
        .host = STR(""), .unix_path = STR(""), .base_path = STR(""), .query = STR("")};
    size_t colon = str_find(api_base, ':', 0);
    const char *problem;

    o.shown = arena_copy(arena, str_upto(api_base, str_find(api_base, '?', 0)));
    if (str_starts(api_base, STR("unix:")))
        problem = parse_unix(str_from(api_base, 5), arena, &o);
    else if (!str_starts(str_from(api_base, colon), STR("://")))
        problem = "is no URL; expected https://host/path, http://… or unix:/path/to/socket";
    else if (!str_ieq(str_upto(api_base, colon), STR("https")) &&
             !str_ieq(str_upto(api_base, colon), STR("http")))
        problem = "has a scheme other than https, http and unix";
    else {
        o.tls = colon == 5;
        problem = parse_url(str_from(api_base, colon + 3), arena, &o);
    }
    if (!problem)
        *ret_origin = o;
    return problem;
}

uint64_t origin_revision(const struct catalog_endpoint *e)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t revision = 0;
    struct buf b;

    buf_init(&b, 0);
    wire_put_u8(&b, e->tls);
    wire_put_str(&b, e->host);
    wire_put_u16(&b, e->port);
    wire_put_str(&b, e->unix_path);
    wire_put_str(&b, e->ca_pem);
    wire_put_str(&b, e->client_cert_pem);
    wire_put_str(&b, e->client_key_pem);
    wire_put_str(&b, e->region_name);
    wire_put_str(&b, e->identity);
    wire_put_str(&b, e->networks);
    if (EVP_Digest(b.p, b.n, digest, NULL, EVP_sha256(), NULL) == 1)
        memcpy(&revision, digest, sizeof(revision));
    buf_deinit(&b);
    return revision ? revision : 1;
}
