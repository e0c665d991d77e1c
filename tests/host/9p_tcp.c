/* SPDX-License-Identifier: ISC */
/*
 * 9p_tcp.c: the engine over TCP on the host, for clients that nobody here wrote.
 *
 *	9p_tcp [-k] [-s SECONDS] [PORT]
 *
 * Serves a small tree in memory on 127.0.0.1 and prints the port that it listens on. -k: every
 * request is kept and finished later. Ends after SECONDS (default 60) or when standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "9p/stream.h"
#include "tests/unit/9p_memfs.h"

#define PEERS 16

struct peer {
	int fd; /* 0: free */
	struct p9_stream *stream;
	uint8_t bytes[16384]; /* received, not yet taken */
	size_t len;
};

static struct memfs fs;
static struct p9_server server;
static struct peer peers[PEERS];

static void tree_make(void)
{
	static char big[300001];
	struct memfs_node *dir, *many;
	char name[32];

	memfs_init(&fs);
	dir = memfs_add(&fs, fs.root, "dir", P9_S_IFDIR | 0755, NULL);
	memfs_add(&fs, fs.root, "hello", P9_S_IFREG | 0644, "hello, world\n");
	memfs_add(&fs, dir, "inner", P9_S_IFREG | 0600, "inside\n");
	memfs_add(&fs, fs.root, "empty", P9_S_IFREG | 0644, "");
	memfs_add(&fs, fs.root, "link", P9_S_IFLNK | 0777, "dir/inner");
	for (size_t i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('a' + i % 23);
	memfs_add(&fs, fs.root, "big", P9_S_IFREG | 0644, big);
	many = memfs_add(&fs, fs.root, "many", P9_S_IFDIR | 0755, NULL);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "file%04d", i);
		memfs_add(&fs, many, name, P9_S_IFREG | 0644, "");
	}
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len)) {
		perror("listen");
		exit(1);
	}
	printf("%u\n", ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

static void peer_end(struct peer *p)
{
	p9_stream_destroy(p->stream);
	close(p->fd);
	p->fd = 0;
}

static void peer_begin(int fd)
{
	struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};
	struct p9_stream_config config = {.rights = RIGHTS_ALL, .from = &from};
	struct peer *p = peers;

	while (p < peers + PEERS && p->fd)
		p++;
	if (p == peers + PEERS || p9_stream_create(&server, &config, &p->stream)) {
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	p->fd = fd;
	p->len = 0;
}

static bool peer_receive(struct peer *p)
{
	ssize_t n;
	int64_t taken;

	if (p->len < sizeof(p->bytes)) {
		n = read(p->fd, p->bytes + p->len, sizeof(p->bytes) - p->len);
		if (!n || (n < 0 && errno != EAGAIN))
			return false;
		p->len += n > 0 ? (size_t)n : 0;
	}
	taken = p9_stream_feed(p->stream, p->bytes, p->len);
	if (taken < 0)
		return false;
	memmove(p->bytes, p->bytes + taken, p->len - (size_t)taken);
	p->len -= (size_t)taken;
	return true;
}

static bool peer_send(struct peer *p)
{
	const void *bytes;
	size_t len;
	ssize_t n = 1;

	while ((len = p9_stream_out(p->stream, &bytes)) && n > 0) {
		n = send(p->fd, bytes, len, MSG_NOSIGNAL);
		if (n > 0)
			p9_stream_sent(p->stream, (size_t)n);
	}
	return n > 0 || errno == EAGAIN;
}

static void round_run(int listener, int milliseconds, bool *ended)
{
	struct pollfd fds[PEERS + 2] = {{listener, POLLIN, 0}, {0, POLLIN, 0}};
	char end;

	for (unsigned i = 0; i < PEERS; i++) {
		fds[i + 2].fd = peers[i].fd ? peers[i].fd : -1;
		if (!peers[i].fd)
			continue;
		if (p9_stream_ready(peers[i].stream))
			fds[i + 2].events |= POLLIN;
		if (p9_stream_queued(peers[i].stream))
			fds[i + 2].events |= POLLOUT;
	}
	if (poll(fds, PEERS + 2, milliseconds) < 0)
		return;
	if (fds[0].revents)
		peer_begin(accept(listener, NULL, NULL));
	if (fds[1].revents && read(0, &end, 1) == 0)
		*ended = true;
	for (unsigned i = 0; i < PEERS; i++) {
		bool alive = true;

		if (fds[i + 2].fd < 0 || !fds[i + 2].revents)
			continue;
		if (fds[i + 2].revents & (POLLIN | POLLHUP | POLLERR))
			alive = peer_receive(&peers[i]);
		memfs_finish_all(&fs);
		if (alive)
			alive = peer_send(&peers[i]);
		if (!alive)
			peer_end(&peers[i]);
	}
}

int main(int argc, char **argv)
{
	time_t until = 60;
	bool ended = false;
	int option, listener;

	tree_make();
	while ((option = getopt(argc, argv, "ks:")) != -1) {
		if (option == 'k')
			fs.async = true;
		else if (option == 's')
			until = atoi(optarg);
		else
			return 2;
	}
	until += time(NULL);
	if (p9_server_init(&server, &memfs_ops, &fs, NULL))
		return 1;
	listener = listen_on(optind < argc ? (uint16_t)atoi(argv[optind]) : 0);
	while (!ended && time(NULL) < until)
		round_run(listener, 1000, &ended);
	for (unsigned i = 0; i < PEERS; i++)
		if (peers[i].fd)
			peer_end(&peers[i]);
	p9_server_fini(&server);
	if (fs.live || fs.opened != fs.closed) {
		fprintf(stderr, "lost: %u fids, %u open files\n", fs.live, fs.opened - fs.closed);
		return 1;
	}
	memfs_fini(&fs);
	close(listener);
	return ended ? 0 : 3;
}
