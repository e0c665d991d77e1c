/* SPDX-License-Identifier: ISC */
/*
 * 9p_use.c: the client against a server that nobody here wrote.
 *
 *	9p_use PORT ANAME UID
 *
 * Attaches to ANAME at 127.0.0.1 and uses an empty directory there in every way that it can check.
 * Says what went wrong and ends with 1, else with 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "9p/stream.h"

#define MSIZE	     32768u
#define WAIT_SECONDS 10

#define EXPECT(what, want)                                                                         \
	do {                                                                                       \
		long long got = (long long)(what);                                                 \
		if (got != (long long)(want)) {                                                    \
			fprintf(stderr, "line %d: %s: %lld\n", __LINE__, #what, got);              \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static int64_t socket_send(void *ctx, const void *bytes, size_t len, uint64_t deadline)
{
	ssize_t n = send(*(int *)ctx, bytes, len, MSG_NOSIGNAL);

	(void)deadline;
	return n < 0 ? -errno : n;
}

static int64_t socket_receive(void *ctx, void *bytes, size_t len, uint64_t deadline)
{
	struct pollfd p = {*(int *)ctx, POLLIN, 0};
	ssize_t n;

	(void)deadline;
	if (poll(&p, 1, WAIT_SECONDS * 1000) <= 0)
		return -ETIMEDOUT;
	n = recv(*(int *)ctx, bytes, len, 0);
	return n < 0 ? -errno : n;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static unsigned entries_count(struct p9_client *c, const char *path)
{
	static uint8_t buf[4096];
	struct p9_dirent ent;
	struct p9_file *f;
	unsigned count = 0;
	int64_t n;

	EXPECT(p9_client_open(c, path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f), 0);
	while ((n = p9_client_readdir(f, buf, sizeof(buf))) > 0) {
		for (int64_t at = 0, used; at < n; at += used, count++) {
			used = p9_dirent_decode(&ent, buf + at, (size_t)(n - at));
			EXPECT(used > 0, 1);
			f->offset = ent.offset;
		}
	}
	EXPECT(n, 0);
	p9_client_close(f);
	return count;
}

static void files(struct p9_client *c)
{
	static char data[100000], back[100000];
	struct p9_setattr set = {.valid = P9_SETATTR_SIZE, .size = 10};
	struct p9_attr attr;
	struct p9_file *f;
	uint64_t done = 0;
	int64_t n;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	EXPECT(p9_client_open(c, "/d/f", P9_O_RDWR | P9_O_CREAT | P9_O_EXCL, 0644, &f), 0);
	while (done < sizeof(data)) {
		n = p9_client_write(f, data + done, sizeof(data) - done);
		EXPECT(n > 0, 1);
		done += (uint64_t)n;
	}
	EXPECT(p9_client_fsync(f, false), 0);
	EXPECT(p9_client_getattr(f, P9_GETATTR_BASIC, &attr), 0);
	EXPECT(attr.size, sizeof(data));
	p9_client_close(f);
	EXPECT(p9_client_load(c, "/d/f", back, sizeof(back)), sizeof(back));
	EXPECT(memcmp(data, back, sizeof(data)), 0);
	EXPECT(p9_client_setattr(c, "/d/f", &set), 0);
	EXPECT(p9_client_stat(c, "/d/f", false, &attr), 0);
	EXPECT(attr.size, 10);
	EXPECT(p9_client_open(c, "/d/f", P9_O_RDWR | P9_O_CREAT | P9_O_EXCL, 0, &f), -EEXIST);
}

static void names(struct p9_client *c)
{
	char path[128] = "/d", buf[P9_FULL_MAX];
	struct p9_attr attr;

	EXPECT(p9_client_symlink(c, "../d/f", "/d/link"), 0);
	EXPECT(p9_client_symlink(c, "/d", "/abs"), 0);
	EXPECT(p9_client_realpath(c, "/abs/link", buf), 0);
	EXPECT(strcmp(buf, "/d/f"), 0);
	EXPECT(p9_client_readlink(c, "/d/link", buf, sizeof(buf)), 6);
	EXPECT(p9_client_stat(c, "/abs", true, &attr), 0);
	EXPECT(attr.mode & P9_S_IFMT, P9_S_IFLNK);
	EXPECT(p9_client_stat(c, "/abs/f/x", false, &attr), -ENOTDIR);
	EXPECT(p9_client_stat(c, "/abs/none/x", false, &attr), -ENOENT);
	EXPECT(p9_client_link(c, "/d/f", "/d/second"), 0);
	EXPECT(p9_client_rename(c, "/d/second", "/third"), 0);
	EXPECT(p9_client_unlink(c, "/third", 0), 0);
	EXPECT(p9_client_unlink(c, "/abs", 0), 0);
	EXPECT(p9_client_unlink(c, "/d", P9_AT_REMOVEDIR), -ENOTEMPTY);
	for (int i = 0; i < 20; i++) {
		strcat(path, "/s");
		EXPECT(p9_client_mkdir(c, path, 0755), 0);
	}
	EXPECT(p9_client_stat(c, path, false, &attr), 0);
	EXPECT(attr.mode & P9_S_IFMT, P9_S_IFDIR);
	EXPECT(p9_client_chdir(c, path), 0);
	EXPECT(p9_client_stat(c, "../../../s/../s", false, &attr), 0);
	EXPECT(p9_client_chdir(c, "/"), 0);
}

static void directory(struct p9_client *c)
{
	struct p9_file *f;
	char name[32];

	EXPECT(p9_client_mkdir(c, "/many", 0755), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "/many/file%d", i);
		EXPECT(p9_client_open(c, name, P9_O_WRONLY | P9_O_CREAT, 0600, &f), 0);
		p9_client_close(f);
	}
	EXPECT(entries_count(c, "/many"), 302); /* with "." and ".." */
}

int main(int argc, char **argv)
{
	struct p9_stream_io io = {.send = socket_send, .receive = socket_receive};
	struct p9_statfs st;
	struct p9_client c;
	struct p9_link *link;
	int fd;

	if (argc != 4)
		return 2;
	fd = connect_to((uint16_t)atoi(argv[1]));
	io.ctx = &fd;
	EXPECT(p9_stream_link_create(&io, MSIZE, &link), 0);
	EXPECT(p9_link_attach(link, MSIZE, "", argv[2], (uint32_t)atoi(argv[3])), 0);
	EXPECT(p9_client_init(&c, link), 0);
	EXPECT(p9_client_mkdir(&c, "/d", 0755), 0);
	EXPECT(p9_client_mkdir(&c, "/d", 0755), -EEXIST);
	files(&c);
	names(&c);
	directory(&c);
	EXPECT(p9_client_statfs(&c, "/", &st), 0);
	p9_client_fini(&c);
	close(fd);
	return 0;
}
