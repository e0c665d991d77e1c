# 9P: unit tests. The rig is a memory file system behind the engine behind a link in one process.
# Included by lib/9p/build.mk; a second time does no harm.
ifeq ($(filter 9p_codec,$(UNIT)),)
9p-rig := tests/unit/9p_rig.c tests/unit/9p_local.c tests/unit/9p_memfs.c

UNIT += 9p_codec 9p_server 9p_legacy 9p_stream 9p_tree 9p_client 9p_pages 9p_share
9p_codec-srcs := tests/unit/9p_codec.c
9p_server-srcs := tests/unit/9p_server.c $(9p-rig)
9p_legacy-srcs := tests/unit/9p_legacy.c $(9p-rig)
9p_stream-srcs := tests/unit/9p_stream.c $(9p-rig)
9p_tree-srcs := tests/unit/9p_tree.c tests/unit/9p_local.c
9p_client-srcs := tests/unit/9p_client.c $(9p-rig)
9p_pages-srcs := tests/unit/9p_pages.c $(9p-rig)
9p_pages-libs := 9p
9p_codec-libs := 9p
9p_server-libs := 9p
9p_legacy-libs := 9p
9p_stream-libs := 9p
9p_tree-libs := 9p
9p_client-libs := 9p
9p_share-srcs := tests/unit/9p_share.c $(9p-rig)
9p_share-libs := 9p
endif
