#include "plane/secrets.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

static void put(struct buf *to, str item)
{
    buf_put_str(to, item);
    buf_put_char(to, '\0');
}

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

int secrets_write(str identity, const str *variables, size_t n)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    struct buf bytes;
    int fd = memfd_create("secrets", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r = fd < 0 ? -errno : 0;

    buf_init(&bytes, SECRETS_MAX_BYTES);
    put(&bytes, identity);
    for (size_t i = 0; i < n; i++)
        put(&bytes, variables[i]);
    if (r == 0 && bytes.overflow)
        r = -E2BIG;
    if (r == 0)
        r = write_all(fd, buf_str(&bytes));
    if (r == 0 && (fcntl(fd, F_ADD_SEALS, seals) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        r = -errno;
    if (bytes.p)
        OPENSSL_cleanse(bytes.p, bytes.n);
    buf_deinit(&bytes);
    if (r < 0 && fd >= 0)
        close(fd);
    return r < 0 ? r : fd;
}

static int read_all(int fd, struct buf *to)
{
    for (;;) {
        char *at = buf_reserve(to, 4096);
        ssize_t n = at ? read(fd, at, 4096) : -1;

        if (!at)
            return -E2BIG;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        to->n += (size_t)n;
    }
}

int secrets_read(int fd, char **ret_bytes, size_t *ret_n_bytes, str **ret_items, size_t *ret_n)
{
    struct buf bytes;
    size_t n = 0;

    buf_init(&bytes, SECRETS_MAX_BYTES + 8192);
    int r = read_all(fd, &bytes);
    if (r == 0 && (bytes.n == 0 || bytes.p[bytes.n - 1] != '\0'))
        r = -EINVAL;
    if (r < 0) {
        buf_deinit(&bytes);
        return r;
    }
    for (size_t i = 0; i < bytes.n; i++)
        n += bytes.p[i] == '\0';
    *ret_items = mem_array(n, sizeof(**ret_items));
    str rest = buf_str(&bytes);
    for (size_t i = 0; i < n; i++)
        (*ret_items)[i] = str_cut(&rest, '\0');
    *ret_bytes = bytes.p;
    *ret_n_bytes = bytes.n;
    *ret_n = n;
    return 0;
}
