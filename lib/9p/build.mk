# 9P: codec, server engine, synthetic trees, client, byte streams
LIBS += 9p
HOSTLIBS += 9p
9p-srcs := $(addprefix lib/9p/,\
	messages.c codec.c entry.c \
	session.c share.c fid.c request.c dispatch.c walk.c resolve.c io.c meta.c legacy.c dir2000.c \
	text.c tree.c tree_file.c log.c \
	client.c conn.c path.c file.c pages.c bywalk.c \
	stream.c stream_link.c)

include tests/unit/9p.mk tests/fuzz/9p.mk
