#include "control/package_store.h"

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, SHA256_BYTES = 32, DIGITS = 64, RANDOM_BYTES = 8, FLUSH_BYTES = 8 << 20 };

struct package_upload {
    int folder, file;
    char name[2 * RANDOM_BYTES + 16]; /* in the folder, while it is being written */
    EVP_MD_CTX *digest;
    uint64_t bytes, on_its_way;
};

bool package_store_is_name(str sha256)
{
    for (size_t i = 0; i < sha256.n; i++)
        if (!((sha256.p[i] >= '0' && sha256.p[i] <= '9') ||
              (sha256.p[i] >= 'a' && sha256.p[i] <= 'f')))
            return false;
    return sha256.n == DIGITS;
}

bool package_store_has(const char *data_dir, str sha256)
{
    char path[PATH_BYTES];
    struct stat status;

    snprintf(path, sizeof(path), "%s/packages/%.*s.tar.gz", data_dir, STR_ARG(sha256));
    return package_store_is_name(sha256) && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* --- what is kept */

static const char suffix[] = ".tar.gz";

static void list_known(const struct fleet *f, struct map *known)
{
    map_init(known);
    for (struct fleet_package *p = fleet_first_package(f); p; p = fleet_next_package(f, p))
        map_put(known, p->sha256, p);
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (d->package.n)
            map_put(known, d->package, d);
}

static bool is_unknown(const struct map *known, str name)
{
    str sha256 = str_upto(name, DIGITS);

    return package_store_is_name(sha256) && str_eq(str_from(name, DIGITS), str_of(suffix)) &&
           !map_get(known, sha256);
}

enum partial { PARTIAL_STAYS, PARTIAL_GOES };

static void sweep(const char *data_dir, const struct fleet *f, enum partial partial)
{
    char path[PATH_BYTES];
    struct dirent *entry;
    struct map known;
    DIR *folder;

    list_known(f, &known);
    snprintf(path, sizeof(path), "%s/packages", data_dir);
    folder = opendir(path);
    while (folder && (entry = readdir(folder))) {
        str name = str_of(entry->d_name);

        if (!is_unknown(&known, name) && !(partial == PARTIAL_GOES && str_ends(name, STR(".new"))))
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) == 0)
            log_event(LOG_INFO, "package_removed", LOG_STR("file", name));
    }
    if (folder)
        closedir(folder);
    map_deinit(&known);
}

void package_store_sweep(const char *data_dir, const struct fleet *f)
{
    sweep(data_dir, f, PARTIAL_STAYS);
}

void package_store_clean(const char *data_dir, const struct fleet *f)
{
    sweep(data_dir, f, PARTIAL_GOES);
}

/* --- uploads */

static int open_folder(const char *data_dir)
{
    char path[PATH_BYTES];

    if (snprintf(path, sizeof(path), "%s/packages", data_dir) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

struct package_upload *package_upload_new(const char *data_dir)
{
    struct package_upload *u = mem_zalloc(sizeof(*u));
    uint8_t bytes[RANDOM_BYTES];
    char hex[2 * RANDOM_BYTES];

    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), hex);
    snprintf(u->name, sizeof(u->name), "%.*s.new", (int)sizeof(hex), hex);
    u->file = -1;
    u->folder = open_folder(data_dir);
    if (u->folder >= 0)
        u->file = openat(u->folder, u->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    u->digest = EVP_MD_CTX_new();
    if (u->file >= 0 && u->digest && EVP_DigestInit_ex(u->digest, EVP_sha256(), NULL) == 1)
        return u;
    log_event(LOG_ERROR, "package_not_opened", LOG_NUM("errno", errno));
    package_upload_free(u);
    return NULL;
}

void package_upload_free(struct package_upload *u)
{
    if (!u)
        return;
    if (u->file >= 0) {
        close(u->file);
        unlinkat(u->folder, u->name, 0);
    }
    if (u->folder >= 0)
        close(u->folder);
    EVP_MD_CTX_free(u->digest);
    mem_free(u);
}

int package_upload_write(struct package_upload *u, str bytes)
{
    if (EVP_DigestUpdate(u->digest, bytes.p, bytes.n) != 1)
        return -EIO;
    u->bytes += bytes.n;
    /* The disk begins at once, so that the end does not wait for all of it. */
    if (u->bytes - u->on_its_way >= FLUSH_BYTES) {
        sync_file_range(u->file, (off_t)u->on_its_way, FLUSH_BYTES, SYNC_FILE_RANGE_WRITE);
        u->on_its_way += FLUSH_BYTES;
    }
    while (bytes.n) {
        ssize_t n = write(u->file, bytes.p, bytes.n);

        if (n < 0 && errno != EINTR)
            return -errno;
        bytes = str_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

/* Its name is in the folder, and the folder's, which may be new, in the data directory. */
static int sync_folders(int folder)
{
    int data_dir = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = data_dir < 0 || fsync(folder) < 0 || fsync(data_dir) < 0 ? -errno : 0;

    if (data_dir >= 0)
        close(data_dir);
    return r;
}

int package_upload_finish(struct package_upload *u, char ret_sha256[PACKAGE_NAME_BYTES])
{
    char place[DIGITS + 16];
    uint8_t hash[SHA256_BYTES];

    if (EVP_DigestFinal_ex(u->digest, hash, NULL) != 1)
        return -EIO;
    hex_encode(hash, sizeof(hash), ret_sha256);
    ret_sha256[DIGITS] = '\0';
    snprintf(place, sizeof(place), "%s.tar.gz", ret_sha256);
    if (fsync(u->file) < 0 || renameat(u->folder, u->name, u->folder, place) < 0)
        return -errno;
    int r = sync_folders(u->folder);
    if (r < 0)
        return r;
    close(u->file);
    u->file = -1;
    return 0;
}

uint64_t package_upload_bytes(const struct package_upload *u)
{
    return u->bytes;
}
