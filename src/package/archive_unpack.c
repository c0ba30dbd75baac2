#include "base/arena.h"
#include "base/mem.h"
#include "package/archive_internal.h"
#include "package/entry_name.h"
#include "package/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, FOLDER_MODE = 0700, FILE_MODE = 0600, PROGRAM_MODE = 0700 };

/* Of an entry, beside its content, on average: tar's and pax's headers, and what fills a block. */
enum { HEADERS_BYTES = 8 << 10 };

struct link {
    struct link *next;
    str name, target;
};

struct unpacking {
    const struct package_limits *limits;
    struct package_error *error;
    struct package_about about;
    struct archive *archive;
    int root;           /* the folder that everything goes into */
    struct link *links; /* symbolic ones, made when all else is there */
    struct arena arena;
};

static int refuse_name(struct unpacking *u, str name, const char *why)
{
    char shown[PACKAGE_SHOWN_BYTES];

    return package_refuse(u->error, "the entry \"%s\" %s", package_show(name, shown), why);
}

static int count_entry(struct unpacking *u)
{
    if (u->about.entries == u->limits->entries)
        return package_refuse(u->error, "the archive has more than %u entries", u->limits->entries);
    u->about.entries++;
    return 0;
}

/* --- folders */

/* The real folder `name` in `parent`. Creates it where `mode` is not 0. */
static int enter(struct unpacking *u, int parent, const char *name, mode_t mode, int *ret_fd)
{
    int e, fd;

    if (mode && mkdirat(parent, name, mode) == 0) {
        e = count_entry(u);
        if (e)
            return e;
    } else if (mode && errno != EEXIST) {
        return package_fail(u->error, -errno, "making the folder", name);
    }
    fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return refuse_name(u, str_of(name), "is used as a folder, and is none");
    *ret_fd = fd;
    return 0;
}

/* The folder that an entry lies in, and its last name. *ret_fd is the caller's to close. */
static int enter_parent(struct unpacking *u, str name, mode_t mode, int *ret_fd, char *ret_last)
{
    int at = fcntl(u->root, F_DUPFD_CLOEXEC, 0);
    str rest = name;

    if (at < 0)
        return package_fail(u->error, -errno, "opening", ".");
    for (;;) {
        str component = str_cut(&rest, '/');
        int next, e;

        memcpy(ret_last, component.p, component.n);
        ret_last[component.n] = 0;
        if (rest.n == 0)
            break;
        e = enter(u, at, ret_last, mode, &next);
        close(at);
        if (e)
            return e;
        at = next;
    }
    *ret_fd = at;
    return 0;
}

static int unpack_folder(struct unpacking *u, str name)
{
    char last[ENTRY_NAME_BYTES];
    int parent, self, e;

    if (name.n == 0)
        return 0;
    e = enter_parent(u, name, FOLDER_MODE, &parent, last);
    if (e)
        return e;
    e = enter(u, parent, last, FOLDER_MODE, &self);
    if (!e)
        close(self);
    close(parent);
    return e;
}

/* --- files */

static int write_all(struct unpacking *u, int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t written = write(fd, p, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return package_fail(u->error, -errno, "writing", "a file of the package");
        p += written;
        n -= (size_t)written;
    }
    return 0;
}

static int damaged(struct unpacking *u)
{
    const char *why = archive_error_string(u->archive);
    char shown[PACKAGE_SHOWN_BYTES];

    return package_refuse(u->error, "the archive cannot be read: %s",
                          package_show(str_of(why ? why : "it is damaged"), shown));
}

static int unpack_content(struct unpacking *u, str name, int fd, int64_t size)
{
    int64_t done = 0;

    for (;;) {
        const void *piece;
        size_t n;
        la_int64_t offset;
        int result = archive_read_data_block(u->archive, &piece, &n, &offset), e;

        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return damaged(u);
        if (offset != done)
            return refuse_name(u, name, "has holes");
        if (n > u->limits->content_bytes - u->about.content_bytes)
            return package_refuse(u->error, "the files of the archive have more than %llu bytes",
                                  (unsigned long long)u->limits->content_bytes);
        u->about.content_bytes += n;
        done += (int64_t)n;
        e = write_all(u, fd, piece, n);
        if (e)
            return e;
    }
    return done == size ? 0 : refuse_name(u, name, "has holes");
}

static int unpack_file(struct unpacking *u, str name, struct archive_entry *entry)
{
    mode_t mode = archive_entry_perm(entry) & 0111 ? PROGRAM_MODE : FILE_MODE;
    int64_t size = archive_entry_size(entry);
    char last[ENTRY_NAME_BYTES];
    int parent, fd, e;

    e = enter_parent(u, name, FOLDER_MODE, &parent, last);
    if (e)
        return e;
    fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    e = -errno;
    close(parent);
    if (fd < 0)
        return e == -EEXIST ? refuse_name(u, name, "is there twice")
                            : package_fail(u->error, e, "making", last);
    u->about.files++;
    e = unpack_content(u, name, fd, size);
    if (close(fd) && !e)
        e = package_fail(u->error, -errno, "writing", last);
    return e;
}

/* --- links */

/* Another name for a file that was unpacked before. */
static int unpack_hard_link(struct unpacking *u, str name, const char *target)
{
    char plain[ENTRY_NAME_BYTES], last[ENTRY_NAME_BYTES], last_of_target[ENTRY_NAME_BYTES];
    enum entry_name fault = entry_name_read(str_of(target), plain);
    struct stat about;
    int from, to, e;

    if (fault != ENTRY_NAME_FINE || !*plain)
        return refuse_name(u, name, "is a hard link to something outside of the package");
    e = enter_parent(u, str_of(plain), 0, &from, last_of_target);
    if (e)
        return e;
    if (fstatat(from, last_of_target, &about, AT_SYMLINK_NOFOLLOW) || !S_ISREG(about.st_mode)) {
        close(from);
        return refuse_name(u, name, "is a hard link to a file that is not before it");
    }
    e = enter_parent(u, name, FOLDER_MODE, &to, last);
    if (e) {
        close(from);
        return e;
    }
    if (linkat(from, last_of_target, to, last, 0))
        e = errno == EEXIST ? refuse_name(u, name, "is there twice")
                            : package_fail(u->error, -errno, "linking", last);
    close(from);
    close(to);
    return e;
}

static int keep_link(struct unpacking *u, str name, const char *target)
{
    struct link *link;

    if (!entry_link_stays(name, str_of(target)))
        return refuse_name(u, name, "is a symbolic link that leads out of the package");
    link = arena_alloc(&u->arena, sizeof(*link));
    *link = (struct link){
        .next = u->links,
        .name = arena_copy(&u->arena, name),
        .target = arena_copy(&u->arena, str_of(target)),
    };
    u->links = link;
    return 0;
}

static int make_link(struct unpacking *u, const struct link *link)
{
    char last[ENTRY_NAME_BYTES];
    int parent, e = enter_parent(u, link->name, FOLDER_MODE, &parent, last);

    if (e)
        return e;
    if (symlinkat(link->target.p, parent, last))
        e = errno == EEXIST ? refuse_name(u, link->name, "is there twice")
                            : package_fail(u->error, -errno, "linking", last);
    close(parent);
    return e;
}

/* --- entries */

static int unpack_entry(struct unpacking *u, struct archive_entry *entry)
{
    const char *path = archive_entry_pathname(entry);
    const char *hard_link = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);
    char plain[ENTRY_NAME_BYTES];
    enum entry_name fault = entry_name_read(str_of(path), plain);
    int e;

    if (fault != ENTRY_NAME_FINE)
        return refuse_name(u, str_of(path), entry_name_fault(fault));
    /* It would be decompressed to be passed over, without a bound. */
    if ((hard_link || type != AE_IFREG) && archive_entry_size(entry) > 0)
        return refuse_name(u, str_of(path), "has content, and is no file");
    if (!hard_link && type == AE_IFDIR)
        return unpack_folder(u, str_of(plain)); /* counted where it is made */
    e = count_entry(u);
    if (e)
        return e;
    if (!*plain)
        return refuse_name(u, str_of(path), "is the package's own folder");
    if (hard_link)
        return unpack_hard_link(u, str_of(plain), hard_link);
    switch (type) {
    case AE_IFREG:
        return unpack_file(u, str_of(plain), entry);
    case AE_IFLNK:
        return archive_entry_symlink(entry)
                   ? keep_link(u, str_of(plain), archive_entry_symlink(entry))
                   : refuse_name(u, str_of(plain), "links to nothing");
    default:
        return refuse_name(u, str_of(plain), "is neither file, folder nor link");
    }
}

/* Entries that make nothing (a folder that is there already) are bounded like those that do, and so
 * is what the archive says about all of them. */
static int unpack_entries(struct unpacking *u)
{
    const uint64_t most_entries = 2 * (uint64_t)u->limits->entries;
    const uint64_t most_bytes = u->limits->content_bytes + most_entries * HEADERS_BYTES;
    struct archive_entry *entry;
    uint64_t seen = 0;

    for (;;) {
        int result = archive_read_next_header(u->archive, &entry), e;

        if (result == ARCHIVE_EOF)
            break;
        /* A warning is about names that the locale cannot say; they come as they are. */
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return damaged(u);
        if (++seen > most_entries)
            return package_refuse(u->error, "the archive has more than %u entries",
                                  u->limits->entries);
        if ((uint64_t)archive_filter_bytes(u->archive, 0) > most_bytes)
            return package_refuse(u->error, "the archive says too much about its entries");
        e = unpack_entry(u, entry);
        if (e)
            return e;
    }
    for (const struct link *link = u->links; link; link = link->next) {
        int e = make_link(u, link);

        if (e)
            return e;
    }
    return u->about.files ? 0 : package_refuse(u->error, "the archive has no files");
}

/* --- the whole */

static int check_archive(int fd, struct unpacking *u)
{
    static const uint8_t gzip[] = {0x1f, 0x8b, 0x08};
    uint8_t magic[sizeof(gzip)];
    struct stat about;
    int e;

    if (fstat(fd, &about))
        return package_fail(u->error, -errno, "reading", "the archive");
    if ((uint64_t)about.st_size > u->limits->archive_bytes)
        return package_refuse(u->error, "the archive has %lld bytes; at most %llu",
                              (long long)about.st_size,
                              (unsigned long long)u->limits->archive_bytes);
    if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, gzip, sizeof(gzip)))
        return package_refuse(u->error, "the archive is not a .tar.gz file");
    e = package_digest(fd, u->about.sha256, &u->about.archive_bytes);
    if (e || lseek(fd, 0, SEEK_SET))
        return package_fail(u->error, e ? e : -errno, "reading", "the archive");
    return 0;
}

/* Only tar in gzip, once: no other of the library's formats is reachable. */
static int open_archive(int fd, struct unpacking *u)
{
    u->archive = archive_read_new();
    if (!u->archive)
        return package_fail(u->error, -ENOMEM, "reading", "the archive");
    if (archive_read_append_filter(u->archive, ARCHIVE_FILTER_GZIP) != ARCHIVE_OK ||
        archive_read_support_format_tar(u->archive) != ARCHIVE_OK ||
        archive_read_open_fd(u->archive, fd, READ_BYTES) != ARCHIVE_OK)
        return damaged(u);
    return 0;
}

static int unpack_into(int archive, const char *folder, struct unpacking *u)
{
    int e;

    u->root = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (u->root < 0)
        return package_fail(u->error, -errno, "opening", folder);
    e = open_archive(archive, u);
    if (!e)
        e = unpack_entries(u);
    archive_read_free(u->archive);
    /* A folder that is in place after a crash is whole. */
    if (!e && syncfs(u->root))
        e = package_fail(u->error, -errno, "writing", folder);
    close(u->root);
    return e;
}

int package_unpack(int archive, const char *folder, const struct package_limits *limits,
                   struct package_about *ret_about, struct package_error *ret_error)
{
    struct unpacking u = {.limits = limits ? limits : &package_limits_default, .error = ret_error};
    CLEANUP_FREE char *partial = NULL;
    int e = check_archive(archive, &u);

    if (e)
        return e;
    if (asprintf(&partial, "%s.partial-XXXXXX", folder) < 0)
        abort();
    if (!mkdtemp(partial))
        return package_fail(ret_error, -errno, "making", partial);
    arena_init(&u.arena, NULL, 0);
    e = unpack_into(archive, partial, &u);
    arena_deinit(&u.arena);
    if (!e && renameat2(AT_FDCWD, partial, AT_FDCWD, folder, RENAME_NOREPLACE))
        e = package_fail(ret_error, -errno, "making", folder);
    if (e)
        (void)tree_remove(partial);
    else
        *ret_about = u.about;
    return e;
}
