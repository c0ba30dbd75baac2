#include "base/arena.h"
#include "base/mem.h"
#include "config/file.h"
#include "package/archive_internal.h"
#include "package/entry_name.h"
#include "package/ignore.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 64 << 10, FOLDER_MODE = 0755, FILE_MODE = 0644, PROGRAM_MODE = 0755 };

struct packing {
    const struct package_limits *limits;
    struct package_error *error;
    struct package_about about;
    struct archive *archive;
    int root;
    struct ignore ignore;
    struct arena arena;
    str *names; /* of everything that is packed */
    size_t n, capacity;
};

/* --- what is packed */

static int add_name(struct packing *p, str name)
{
    if (p->n == p->limits->entries)
        return package_refuse(p->error, "the folder has more than %u entries", p->limits->entries);
    if (p->n == p->capacity) {
        p->capacity = p->capacity ? 2 * p->capacity : 64;
        p->names = mem_realloc(p->names, p->capacity * sizeof(*p->names));
    }
    p->names[p->n++] = name;
    return 0;
}

static int gather(struct packing *p, int parent, str folder);

static int gather_one(struct packing *p, int parent, str folder, const char *last)
{
    str name = folder.n ? arena_printf(&p->arena, "%.*s/%s", STR_ARG(folder), last)
                        : arena_copy(&p->arena, str_of(last));
    char plain[ENTRY_NAME_BYTES], shown[PACKAGE_SHOWN_BYTES];
    enum entry_name fault = entry_name_read(name, plain);
    struct stat about;
    int e;

    if (fstatat(parent, last, &about, AT_SYMLINK_NOFOLLOW))
        return package_fail(p->error, -errno, "reading", name.p);
    if (ignore_matches(&p->ignore, name, S_ISDIR(about.st_mode) ? IGNORE_FOLDER : IGNORE_FILE))
        return 0;
    if (fault != ENTRY_NAME_FINE)
        return package_refuse(p->error, "the name \"%s\" %s", package_show(name, shown),
                              entry_name_fault(fault));
    e = add_name(p, name);
    return e || !S_ISDIR(about.st_mode) ? e : gather(p, parent, name);
}

static int gather_members(struct packing *p, DIR *folder, str name)
{
    for (;;) {
        const struct dirent *entry;
        int e;

        errno = 0;
        entry = readdir(folder);
        if (!entry)
            return errno ? package_fail(p->error, -errno, "reading", name.n ? name.p : ".") : 0;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        e = gather_one(p, dirfd(folder), name, entry->d_name);
        if (e)
            return e;
    }
}

/* `folder` is the way from the package's folder, whose last name is in `parent`. */
static int gather(struct packing *p, int parent, str folder)
{
    const char *last = folder.n ? strrchr(folder.p, '/') : NULL;
    int fd, e;
    DIR *inner;

    last = last ? last + 1 : folder.n ? folder.p : ".";
    fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    inner = fd < 0 ? NULL : fdopendir(fd);
    if (!inner) {
        e = package_fail(p->error, -errno, "opening", last);
        if (fd >= 0)
            close(fd);
        return e;
    }
    e = gather_members(p, inner, folder);
    closedir(inner);
    return e;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

/* --- entries */

static int failed(struct packing *p)
{
    const char *why = archive_error_string(p->archive);
    int e = archive_errno(p->archive);

    return package_fail(p->error, e > 0 ? -e : -EIO, "writing the archive:", why ? why : "");
}

static int changed(struct packing *p, str name)
{
    return package_refuse(p->error, "\"%.*s\" changed while it was packed", STR_ARG(name));
}

static int copy_content(struct packing *p, str name, int fd, int64_t size)
{
    char piece[COPY_BYTES];

    while (size > 0) {
        size_t most = size < COPY_BYTES ? (size_t)size : COPY_BYTES;
        ssize_t n = read(fd, piece, most);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return package_fail(p->error, -errno, "reading", name.p);
        if (n == 0)
            return changed(p, name);
        if (archive_write_data(p->archive, piece, (size_t)n) != n)
            return failed(p);
        size -= n;
    }
    return read(fd, piece, 1) == 0 ? 0 : changed(p, name);
}

static int write_header(struct packing *p, str name, mode_t type, mode_t mode, int64_t size,
                        const char *target)
{
    struct archive_entry *entry = archive_entry_new();
    int result;

    if (!entry)
        abort();
    archive_entry_copy_pathname(entry, name.p);
    archive_entry_set_mode(entry, type | mode);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, 0, 0);
    if (target)
        archive_entry_copy_symlink(entry, target);
    result = archive_write_header(p->archive, entry);
    archive_entry_free(entry);
    return result == ARCHIVE_OK || result == ARCHIVE_WARN ? 0 : failed(p);
}

static int pack_file(struct packing *p, str name)
{
    int fd = openat(p->root, name.p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), e;
    struct stat about;

    if (fd < 0)
        return package_fail(p->error, -errno, "opening", name.p);
    if (fstat(fd, &about) || !S_ISREG(about.st_mode)) {
        close(fd);
        return changed(p, name);
    }
    p->about.content_bytes += (uint64_t)about.st_size;
    p->about.files++;
    if (p->about.content_bytes > p->limits->content_bytes)
        e = package_refuse(p->error, "the files of the folder have more than %llu bytes",
                           (unsigned long long)p->limits->content_bytes);
    else
        e = write_header(p, name, AE_IFREG, about.st_mode & 0111 ? PROGRAM_MODE : FILE_MODE,
                         about.st_size, NULL);
    if (!e)
        e = copy_content(p, name, fd, about.st_size);
    close(fd);
    return e;
}

static int pack_link(struct packing *p, str name)
{
    char target[ENTRY_NAME_BYTES], shown[PACKAGE_SHOWN_BYTES];
    ssize_t n = readlinkat(p->root, name.p, target, sizeof(target));

    if (n < 0)
        return package_fail(p->error, -errno, "reading", name.p);
    if (n == sizeof(target) || !entry_link_stays(name, str_make(target, (size_t)n)))
        return package_refuse(p->error,
                              "the symbolic link \"%.*s\" leads out of the package, to \"%s\"",
                              STR_ARG(name), package_show(str_make(target, (size_t)n), shown));
    target[n] = 0;
    return write_header(p, name, AE_IFLNK, 0777, 0, target);
}

static int pack_one(struct packing *p, str name)
{
    struct stat about;

    if (fstatat(p->root, name.p, &about, AT_SYMLINK_NOFOLLOW))
        return package_fail(p->error, -errno, "reading", name.p);
    p->about.entries++;
    if (S_ISDIR(about.st_mode))
        return write_header(p, name, AE_IFDIR, FOLDER_MODE, 0, NULL);
    if (S_ISREG(about.st_mode))
        return pack_file(p, name);
    if (S_ISLNK(about.st_mode))
        return pack_link(p, name);
    return package_refuse(p->error, "\"%.*s\" is neither file, folder nor link", STR_ARG(name));
}

/* --- the whole */

static int read_rules(struct packing *p, const char *folder)
{
    CLEANUP_FREE char *path = NULL;
    struct buf text;
    int e;

    if (asprintf(&path, "%s/.truss_ignore", folder) < 0)
        abort();
    buf_init(&text, IGNORE_MAX_BYTES);
    e = file_read(path, &text);
    if (e == -EFBIG || (!e && !ignore_add(&p->ignore, buf_str(&text))))
        e = package_refuse(p->error, ".truss_ignore has more than %d rules or %d bytes",
                           IGNORE_MAX_RULES, IGNORE_MAX_BYTES);
    else if (e && e != -ENOENT)
        e = package_fail(p->error, e, "reading", path);
    else
        e = 0;
    buf_deinit(&text);
    return e;
}

/* Names go in as the bytes that they are: in the locale of a program that sets none, the library
 * has no other way. */
static int open_archive(struct packing *p, int fd)
{
    p->archive = archive_write_new();
    if (!p->archive)
        return package_fail(p->error, -ENOMEM, "writing", "the archive");
    if (archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
        archive_write_add_filter_gzip(p->archive) != ARCHIVE_OK ||
        archive_write_set_filter_option(p->archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
        archive_write_open_fd(p->archive, fd) != ARCHIVE_OK)
        return failed(p);
    return 0;
}

static int pack_all(struct packing *p, int archive)
{
    int e = gather(p, p->root, STR(""));

    if (e)
        return e;
    if (p->n)
        qsort(p->names, p->n, sizeof(*p->names), by_name);
    e = open_archive(p, archive);
    for (size_t i = 0; !e && i < p->n; i++)
        e = pack_one(p, p->names[i]);
    if (!e && archive_write_close(p->archive) != ARCHIVE_OK)
        e = failed(p);
    archive_write_free(p->archive);
    if (e)
        return e;
    e = package_digest(archive, p->about.sha256, &p->about.archive_bytes);
    if (e)
        return package_fail(p->error, e, "reading", "the archive");
    if (p->about.archive_bytes > p->limits->archive_bytes)
        return package_refuse(p->error, "the archive has %llu bytes; at most %llu",
                              (unsigned long long)p->about.archive_bytes,
                              (unsigned long long)p->limits->archive_bytes);
    return p->about.files ? 0 : package_refuse(p->error, "the folder has no files");
}

int package_pack(const char *folder, int archive, const struct package_limits *limits,
                 struct package_about *ret_about, struct package_error *ret_error)
{
    struct packing p = {.limits = limits ? limits : &package_limits_default, .error = ret_error};
    int e;

    p.root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p.root < 0)
        return package_fail(ret_error, -errno, "opening", folder);
    arena_init(&p.arena, NULL, 0);
    ignore_init(&p.ignore);
    e = read_rules(&p, folder);
    if (!e)
        e = pack_all(&p, archive);
    if (!e)
        *ret_about = p.about;
    ignore_deinit(&p.ignore);
    arena_deinit(&p.arena);
    mem_free(p.names);
    close(p.root);
    return e;
}
