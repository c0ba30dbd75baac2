#include "edge/response_map.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file is records of RECORD_BYTES: digest of id and key (16), check (8), endpoint (128,
 * NUL-padded). Two generations of the edge append in turn, under a lock of the file; a miss reads
 * what others have appended since. A record whose check does not match is skipped. One that was
 * cut short (by a power loss, a full disk) is filled up to its size before anything follows it:
 * records lie at multiples of RECORD_BYTES, and one out of step would lose all behind it.
 */

enum { RECORD_BYTES = 16 + 8 + RESPONSE_ENDPOINT_BYTES, LOAD_RECORDS = 256 };

struct entry {
    struct digest128 digest; /* zeroes: free */
    char endpoint[RESPONSE_ENDPOINT_BYTES];
};

struct response_map {
    pthread_mutex_t lock;
    int fd;
    off_t loaded; /* bytes of the file that are in memory */
    struct siphash_key key;
    struct entry *ring; /* in order of arrival; the oldest is overwritten */
    size_t limit, n, next;
    uint32_t *slots; /* open addressing: index into the ring, plus one */
    size_t n_slots;
};

static bool is_free(const struct entry *e)
{
    return (e->digest.lo | e->digest.hi) == 0;
}

static size_t find_slot(const struct response_map *m, struct digest128 digest)
{
    size_t i = digest.lo & (m->n_slots - 1);

    while (m->slots[i] && !digest128_eq(m->ring[m->slots[i] - 1].digest, digest))
        i = (i + 1) & (m->n_slots - 1);
    return i;
}

static void rebuild_slots(struct response_map *m)
{
    memset(m->slots, 0, m->n_slots * sizeof(*m->slots));
    for (size_t i = 0; i < m->limit; i++)
        if (!is_free(&m->ring[i]))
            m->slots[find_slot(m, m->ring[i].digest)] = (uint32_t)i + 1;
}

/* A ring that is full drops its oldest quarter at once, so that the slots are rebuilt rarely. */
static void make_room(struct response_map *m)
{
    if (is_free(&m->ring[m->next]))
        return;
    for (size_t i = 0; i < m->limit / 4 + 1; i++)
        m->ring[(m->next + i) % m->limit] = (struct entry){0};
    rebuild_slots(m);
}

static void remember(struct response_map *m, struct digest128 digest, const char *endpoint)
{
    size_t slot = find_slot(m, digest);

    if (m->slots[slot] == 0) {
        make_room(m);
        slot = find_slot(m, digest);
        m->slots[slot] = (uint32_t)m->next + 1;
        m->ring[m->next].digest = digest;
        m->next = (m->next + 1) % m->limit;
    }
    memcpy(m->ring[m->slots[slot] - 1].endpoint, endpoint, RESPONSE_ENDPOINT_BYTES);
}

static uint64_t check_of(const struct response_map *m, const char *record)
{
    return siphash64(&m->key, str_make(record + 24, RESPONSE_ENDPOINT_BYTES)) ^
           siphash64(&m->key, str_make(record, 16));
}

static void load_record(struct response_map *m, const char *record)
{
    struct wire_reader r = {.rest = str_make(record, RECORD_BYTES)};
    struct digest128 digest = {.lo = wire_take_u64(&r)};

    digest.hi = wire_take_u64(&r);
    if (wire_take_u64(&r) == check_of(m, record) && (digest.lo | digest.hi))
        remember(m, digest, record + 24);
}

static void load_new(struct response_map *m)
{
    char records[LOAD_RECORDS * RECORD_BYTES];
    ssize_t got;

    while ((got = pread(m->fd, records, sizeof(records), m->loaded)) >= RECORD_BYTES) {
        size_t n = (size_t)got / RECORD_BYTES;

        for (size_t i = 0; i < n; i++)
            load_record(m, records + i * RECORD_BYTES);
        m->loaded += (off_t)(n * RECORD_BYTES);
    }
}

/* The file grows with every stored response: only its last `limit` records matter, and a start is
 * the moment to drop the rest. */
static void start_near_end(struct response_map *m)
{
    struct stat st;
    off_t wanted = (off_t)(m->limit * RECORD_BYTES);

    if (fstat(m->fd, &st) == 0 && st.st_size > wanted)
        m->loaded = (st.st_size - wanted) / RECORD_BYTES * RECORD_BYTES;
}

struct response_map *response_map_open(const char *path, const struct siphash_key *key,
                                       size_t limit)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0) {
        log_event(LOG_ERROR, "response_map_unusable", LOG_STR("path", str_of(path)),
                  LOG_NUM("errno", errno));
        return NULL;
    }
    struct response_map *m = mem_zalloc(sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    m->fd = fd;
    m->key = *key;
    m->limit = limit;
    m->ring = mem_array(limit, sizeof(*m->ring));
    m->n_slots = 16;
    while (m->n_slots < 2 * limit)
        m->n_slots *= 2;
    m->slots = mem_array(m->n_slots, sizeof(*m->slots));
    start_near_end(m);
    load_new(m);
    return m;
}

void response_map_close(struct response_map *m)
{
    if (!m)
        return;
    close(m->fd);
    pthread_mutex_destroy(&m->lock);
    mem_free(m->ring);
    mem_free(m->slots);
    mem_free(m);
}

/* Both parts with their lengths, so that no two pairs run together. */
static struct digest128 digest_of(const struct response_map *m, str response_id, str key_id)
{
    struct buf text;

    buf_init(&text, 0);
    wire_put_str(&text, response_id);
    wire_put_str(&text, key_id);
    struct digest128 digest = siphash128(&m->key, buf_str(&text));
    buf_deinit(&text);
    return digest;
}

static int write_whole(int fd, const char *bytes, size_t n)
{
    ssize_t written = write(fd, bytes, n);

    return written < 0 ? -errno : (size_t)written == n ? 0 : -EIO;
}

/* Completes a record that was cut short. Its check does not match, unless it lost padding only. */
static int fill_up(const struct response_map *m)
{
    static const char zeroes[RECORD_BYTES];
    struct stat st;

    if (fstat(m->fd, &st) < 0)
        return -errno;
    size_t cut = (size_t)(st.st_size % RECORD_BYTES);
    return cut ? write_whole(m->fd, zeroes, RECORD_BYTES - cut) : 0;
}

static int append(const struct response_map *m, str record)
{
    if (flock(m->fd, LOCK_EX) < 0)
        return -errno;
    int r = fill_up(m);
    if (r == 0)
        r = write_whole(m->fd, record.p, record.n);
    flock(m->fd, LOCK_UN);
    return r;
}

int response_map_put(struct response_map *m, str response_id, str key_id, str endpoint_id)
{
    struct digest128 digest = digest_of(m, response_id, key_id);
    char endpoint[RESPONSE_ENDPOINT_BYTES] = {0};
    struct buf record;

    if (endpoint_id.n >= sizeof(endpoint))
        return -ENAMETOOLONG;
    memcpy(endpoint, endpoint_id.p, endpoint_id.n);
    buf_init(&record, RECORD_BYTES);
    wire_put_u64(&record, digest.lo);
    wire_put_u64(&record, digest.hi);
    wire_put_u64(&record, siphash64(&m->key, str_make(endpoint, sizeof(endpoint))) ^
                              siphash64(&m->key, str_make(record.p, 16)));
    buf_put(&record, endpoint, sizeof(endpoint));
    pthread_mutex_lock(&m->lock);
    int r = append(m, buf_str(&record));
    remember(m, digest, endpoint);
    pthread_mutex_unlock(&m->lock);
    buf_deinit(&record);
    return r;
}

bool response_map_find(struct response_map *m, str response_id, str key_id, char *ret_storage,
                       str *ret_endpoint)
{
    struct digest128 digest = digest_of(m, response_id, key_id);

    pthread_mutex_lock(&m->lock);
    size_t slot = find_slot(m, digest);
    if (m->slots[slot] == 0) {
        load_new(m);
        slot = find_slot(m, digest);
    }
    bool found = m->slots[slot] != 0;
    if (found)
        memcpy(ret_storage, m->ring[m->slots[slot] - 1].endpoint, RESPONSE_ENDPOINT_BYTES);
    pthread_mutex_unlock(&m->lock);
    if (found)
        *ret_endpoint = str_of(ret_storage);
    return found;
}
