#include "catalog/disk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NONCE_BYTES = 12, TAG_BYTES = 16, DIGEST_BYTES = 32, PATH_BYTES = 4096 };
static const str catalog_magic = STR_INIT("AMBITSC1"), customers_magic = STR_INIT("AMBITCU1");

/* --- files
 * -----------------------------------------------------------------------------------------------------------
 */

static int write_all(int fd, str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes = str_from(bytes, (size_t)n);
    }
    return 0;
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0)
        r = -errno;
    close(fd);
    return r;
}

static int replace_file(const char *dir, const char *name, str bytes)
{
    char path[PATH_BYTES], fresh[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    snprintf(fresh, sizeof(fresh), "%s/%s.new", dir, name);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, bytes);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    return r < 0 ? r : sync_dir(dir);
}

static int read_file(const char *path, struct buf *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    while (r == 0 && to->n < (size_t)st.st_size) {
        ssize_t n =
            read(fd, buf_reserve(to, (size_t)st.st_size - to->n), (size_t)st.st_size - to->n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            r = n < 0 ? -errno : -EBADMSG;
        else
            to->n += (size_t)n;
    }
    close(fd);
    return r;
}

static int read_key(const char *path, uint8_t ret_key[DISK_KEY_BYTES])
{
    struct buf bytes;

    buf_init(&bytes, 0);
    int r = read_file(path, &bytes);
    if (r == 0 && bytes.n == DISK_KEY_BYTES)
        memcpy(ret_key, bytes.p, DISK_KEY_BYTES);
    else if (r == 0)
        r = -EINVAL;
    if (bytes.p)
        OPENSSL_cleanse(bytes.p, bytes.n);
    buf_deinit(&bytes);
    return r;
}

/* The key gets its name once it is whole: of two processes that start at once, one names its key
 * and the other finds that one, never half of it. -EEXIST then. */
static int make_key(const char *path)
{
    uint8_t key[DISK_KEY_BYTES];
    char fresh[PATH_BYTES];

    snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
    int fd = mkostemp(fresh, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return -errno;
    random_bytes(key, sizeof(key));
    int r = write_all(fd, str_make((const char *)key, sizeof(key)));
    OPENSSL_cleanse(key, sizeof(key));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && link(fresh, path) < 0)
        r = -errno;
    unlink(fresh);
    return r;
}

int disk_key_load(const char *path, uint8_t ret_key[DISK_KEY_BYTES])
{
    int r = read_key(path, ret_key);

    if (r != -ENOENT)
        return r;
    r = make_key(path);
    return r < 0 && r != -EEXIST ? r : read_key(path, ret_key);
}

/* --- catalog
 * ----------------------------------------------------------------------------------------------------------
 */

static bool seal(const uint8_t *key, const char *nonce, str head, str plain, char *ret_cipher,
                 char *ret_tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    bool fine =
        ctx && plain.n <= INT32_MAX &&
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, (const uint8_t *)nonce) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)head.p, (int)head.n) == 1 &&
        EVP_EncryptUpdate(ctx, (uint8_t *)ret_cipher, &n, (const uint8_t *)plain.p, (int)plain.n) ==
            1 &&
        EVP_EncryptFinal_ex(ctx, (uint8_t *)ret_cipher + n, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, ret_tag) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return fine;
}

static bool unseal(const uint8_t *key, str nonce, str head, str cipher, str tag, char *ret_plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    bool fine =
        ctx && cipher.n <= INT32_MAX &&
        EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, (const uint8_t *)nonce.p) == 1 &&
        EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)head.p, (int)head.n) == 1 &&
        EVP_DecryptUpdate(ctx, (uint8_t *)ret_plain, &n, (const uint8_t *)cipher.p,
                          (int)cipher.n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, (void *)tag.p) == 1 &&
        EVP_DecryptFinal_ex(ctx, (uint8_t *)ret_plain + n, &n) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return fine;
}

/* magic, revision, nonce, tag, ciphertext; magic and revision are authenticated with it. */
int disk_save_catalog(const char *dir, const uint8_t key[DISK_KEY_BYTES], uint64_t revision,
                      str catalog_bytes)
{
    struct buf file;
    char tag[TAG_BYTES];

    buf_init(&file, 0);
    buf_put_str(&file, catalog_magic);
    wire_put_u64(&file, revision);
    size_t head_n = file.n, cipher_at = head_n + NONCE_BYTES + TAG_BYTES;
    buf_reserve(&file, NONCE_BYTES + TAG_BYTES + catalog_bytes.n);
    random_bytes(file.p + head_n, NONCE_BYTES);
    bool fine = seal(key, file.p + head_n, str_make(file.p, head_n), catalog_bytes,
                     file.p + cipher_at, tag);
    memcpy(file.p + head_n + NONCE_BYTES, tag, TAG_BYTES);
    file.n = cipher_at + catalog_bytes.n;
    int r = fine ? replace_file(dir, "catalog.snapshot", buf_str(&file)) : -EIO;
    buf_deinit(&file);
    return r;
}

static int load_catalog(const char *path, const uint8_t *key, uint64_t *ret_revision,
                        struct buf *ret_catalog)
{
    struct buf file;

    buf_init(&file, 0);
    int r = read_file(path, &file);
    if (r == 0) {
        struct wire_reader reader = {.rest = buf_str(&file)};
        str magic = wire_take_bytes(&reader, catalog_magic.n);
        uint64_t revision = wire_take_u64(&reader);
        str head = str_upto(buf_str(&file), catalog_magic.n + 8);
        str nonce = wire_take_bytes(&reader, NONCE_BYTES),
            tag = wire_take_bytes(&reader, TAG_BYTES);

        r = -EBADMSG;
        if (!reader.failed && str_eq(magic, catalog_magic) &&
            unseal(key, nonce, head, reader.rest, tag,
                   buf_reserve(ret_catalog, reader.rest.n + 1))) {
            ret_catalog->n = reader.rest.n;
            *ret_revision = revision;
            r = 0;
        }
    }
    buf_deinit(&file);
    return r;
}

/* --- customers
 * ---------------------------------------------------------------------------------------------------------
 */

static void digest_of(str bytes, uint8_t ret_digest[DIGEST_BYTES])
{
    unsigned n = DIGEST_BYTES;

    if (EVP_Digest(bytes.p, bytes.n, ret_digest, &n, EVP_sha256(), NULL) != 1)
        abort();
}

int disk_save_customers(const char *dir, uint64_t revision, const struct customers *customers)
{
    uint8_t digest[DIGEST_BYTES];
    struct buf file;

    buf_init(&file, 0);
    buf_put_str(&file, customers_magic);
    wire_put_u64(&file, revision);
    customers_encode(customers, &file);
    digest_of(buf_str(&file), digest);
    buf_put(&file, digest, sizeof(digest));
    int r = replace_file(dir, "customers.snapshot", buf_str(&file));
    buf_deinit(&file);
    return r;
}

/* A catalog that is newer than its customers, or the other way round, is half a policy. */
static int load_customers(const char *path, uint64_t revision, struct customers *into)
{
    uint8_t digest[DIGEST_BYTES];
    struct buf file;

    buf_init(&file, 0);
    int r = read_file(path, &file);
    if (r == 0) {
        size_t content_n = file.n < DIGEST_BYTES ? 0 : file.n - DIGEST_BYTES;
        struct wire_reader reader = {.rest = str_make(file.p, content_n)};
        str magic = wire_take_bytes(&reader, customers_magic.n);

        digest_of(str_make(file.p, content_n), digest);
        r = -EBADMSG;
        if (wire_take_u64(&reader) == revision && !reader.failed &&
            str_eq(magic, customers_magic) &&
            memcmp(digest, file.p + content_n, DIGEST_BYTES) == 0 &&
            customers_decode(&reader, into) && reader.rest.n == 0)
            r = 0;
    }
    buf_deinit(&file);
    return r;
}

int disk_load(const char *dir, const uint8_t key[DISK_KEY_BYTES], uint64_t *ret_revision,
              struct buf *ret_catalog, struct customers *into)
{
    char path[PATH_BYTES];
    uint64_t revision = 0;

    snprintf(path, sizeof(path), "%s/catalog.snapshot", dir);
    int r = load_catalog(path, key, &revision, ret_catalog);
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "%s/customers.snapshot", dir);
    r = load_customers(path, revision, into);
    if (r == 0)
        *ret_revision = revision;
    return r;
}

int64_t disk_heard_wall_ns(const char *dir)
{
    char path[PATH_BYTES];
    struct stat st;

    snprintf(path, sizeof(path), "%s/catalog.snapshot", dir);
    return stat(path, &st) < 0 ? 0 : st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
}

void disk_touch_heard(const char *dir)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/catalog.snapshot", dir);
    utimensat(AT_FDCWD, path, NULL, 0);
}

/* --- what has been in force
 * ---------------------------------------------------------------------------------------------------
 */

struct note {
    struct digest128 installation;
    uint64_t revision;
};

static struct digest128 digest_of_installation(str installation)
{
    static const struct siphash_key key = {0};

    return siphash128(&key, installation);
}

/* The note's file, locked against the other edges; it is closed by the caller. */
static int open_note(const char *dir, int flags, struct note *ret_note)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/in-force", dir);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX) < 0 || pread(fd, ret_note, sizeof(*ret_note), 0) != sizeof(*ret_note))
        *ret_note = (struct note){0};
    return fd;
}

int disk_note_in_force(const char *dir, str installation, uint64_t revision)
{
    struct note fresh = {digest_of_installation(installation), revision}, old;
    int fd = open_note(dir, O_RDWR | O_CREAT, &old), r = 0;

    if (fd < 0)
        return fd;
    bool same = digest128_eq(old.installation, fresh.installation);
    if ((!same || old.revision < revision) &&
        (pwrite(fd, &fresh, sizeof(fresh), 0) != sizeof(fresh) || fdatasync(fd) < 0))
        r = errno ? -errno : -EIO;
    close(fd);
    return r;
}

bool disk_is_newest(const char *dir, str installation, uint64_t revision)
{
    struct note note;
    int fd = open_note(dir, O_RDONLY, &note);

    if (fd < 0)
        return fd == -ENOENT;
    close(fd);
    return digest128_eq(note.installation, digest_of_installation(installation)) &&
           note.revision <= revision;
}
