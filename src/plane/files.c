#include "plane/files.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 128, TREE_DEPTH_MAX = 256 };

static int write_all(int fd, str content)
{
    while (content.n) {
        ssize_t n = write(fd, content.p, content.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        content = str_from(content, (size_t)n);
    }
    return 0;
}

enum writing { WRITE_PLAINLY, WRITE_DURABLY, WRITE_SHARED };

static int replace(int folder, const char *name, str content, enum writing how)
{
    char partial[NAME_MAX_BYTES];

    snprintf(partial, sizeof(partial), "%s.new", name);
    int fd = openat(folder, partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, content);
    if (r == 0 && how == WRITE_DURABLY && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && how == WRITE_SHARED && fchmod(fd, 0644) < 0)
        r = -errno;
    close(fd);
    if (r == 0 && renameat(folder, partial, folder, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(folder, partial, 0);
    if (r == 0 && how == WRITE_DURABLY && fsync(folder) < 0)
        r = -errno;
    return r;
}

int files_write(int folder, const char *name, str content)
{
    return replace(folder, name, content, WRITE_PLAINLY);
}

int files_write_durably(int folder, const char *name, str content)
{
    return replace(folder, name, content, WRITE_DURABLY);
}

int files_write_shared(int folder, const char *name, str content)
{
    return replace(folder, name, content, WRITE_SHARED);
}

int files_sync(int folder)
{
    return syncfs(folder) < 0 ? -errno : 0;
}

int files_read(int folder, const char *name, size_t max, struct buf *to)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r = 0;

    if (fd < 0)
        return -errno;
    for (;;) {
        char *at = buf_reserve(to, 4096);
        ssize_t n = at ? read(fd, at, 4096) : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r = -errno;
        if (n <= 0)
            break;
        to->n += (size_t)n;
        if (to->n > max) {
            r = -EFBIG;
            break;
        }
    }
    close(fd);
    return r;
}

void files_mark(int folder, const char *name, char ret_mark[FILES_MARK_BYTES])
{
    struct stat about;

    if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) < 0)
        snprintf(ret_mark, FILES_MARK_BYTES, "-");
    else
        snprintf(ret_mark, FILES_MARK_BYTES, "%lld.%09ld.%llu", (long long)about.st_mtim.tv_sec,
                 about.st_mtim.tv_nsec, (unsigned long long)about.st_ino);
}

int files_make_folder(const char *path)
{
    char *copy CLEANUP_FREE = str_dup(str_of(path));

    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return -errno;
        *at = '/';
    }
    return mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* --- who may */

int files_share_folder(int parent, const char *name, mode_t mode)
{
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int r = fchmod(fd, mode) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int files_open_gate(int folder, gid_t group)
{
    struct stat about;

    if (fstat(folder, &about) < 0)
        return -errno;
    if (about.st_mode & S_IXOTH || (about.st_mode & S_IXGRP && about.st_gid == group))
        return 0;
    if (about.st_mode & S_IXGRP)
        return fchmod(folder, 0711) < 0 ? -errno : 0;
    if (fchown(folder, (uid_t)-1, group) < 0 || fchmod(folder, 0710) < 0)
        return -errno;
    return 0;
}

struct handing_over {
    uid_t from, to;
};

static int hand_over_entries(const struct handing_over *h, int folder, unsigned depth);

/* Of a folder itself before what is in it: then `from` can put nothing in any more. A file's owner
 * is looked at where it is open, so it is no other file that is given away. */
static int hand_over_one(const struct handing_over *h, int parent, const char *name, unsigned depth)
{
    struct stat about;
    int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return errno == ELOOP ? 0 : -errno; /* a link is nobody's: its folder says who may */
    int r = fstat(fd, &about) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
        r = -EINVAL;
    if (r == 0 && about.st_uid != h->from)
        r = -EPERM;
    bool all_may_execute = S_ISDIR(about.st_mode) || about.st_mode & S_IXUSR;
    if (r == 0 &&
        (fchown(fd, h->to, (gid_t)-1) < 0 || fchmod(fd, all_may_execute ? 0755 : 0644) < 0))
        r = -errno;
    if (r == 0 && S_ISDIR(about.st_mode))
        return depth < TREE_DEPTH_MAX ? hand_over_entries(h, fd, depth + 1) : -ELOOP;
    close(fd);
    return r;
}

/* Takes the descriptor. */
static int hand_over_entries(const struct handing_over *h, int folder, unsigned depth)
{
    DIR *entries = fdopendir(folder);
    struct dirent *entry;
    int r = 0;

    if (!entries) {
        close(folder);
        return -ENOMEM;
    }
    while (r == 0 && (entry = readdir(entries)) != NULL) {
        str name = str_of(entry->d_name);

        if (!str_eq(name, STR(".")) && !str_eq(name, STR("..")))
            r = hand_over_one(h, dirfd(entries), entry->d_name, depth);
    }
    closedir(entries);
    return r;
}

int files_hand_over(int parent, const char *name, uid_t from, uid_t to)
{
    const struct handing_over h = {from, to};

    return hand_over_one(&h, parent, name, 0);
}

/* --- deleting */

static int remove_entries(int folder, unsigned depth);

static int remove_one(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth >= TREE_DEPTH_MAX)
        return -ELOOP;
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
        return -errno;
    /* A package may have made it so that nothing in it can be deleted. */
    fchmod(folder, 0700);
    int r = remove_entries(folder, depth + 1);
    if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

/* Takes the descriptor. */
static int remove_entries(int folder, unsigned depth)
{
    DIR *entries = fdopendir(folder);
    struct dirent *entry;
    int r = 0;

    if (!entries) {
        close(folder);
        return -ENOMEM;
    }
    while ((entry = readdir(entries)) != NULL) {
        str name = str_of(entry->d_name);

        if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
            continue;
        int failure = remove_one(dirfd(entries), entry->d_name, depth);
        r = r ? r : failure;
    }
    closedir(entries);
    return r;
}

int files_remove_tree(int parent, const char *name)
{
    return remove_one(parent, name, 0);
}

bool files_is_name(str name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES - 8 || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], lower = str_lower_char(c);

        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.'))
            return false;
    }
    return true;
}
