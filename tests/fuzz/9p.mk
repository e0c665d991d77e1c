# 9P: fuzzers. Included by lib/9p/build.mk; a second time does no harm.
ifeq ($(filter 9p_codec,$(FUZZ)),)
FUZZ += 9p_codec 9p_server 9p_client
fuzz-9p_codec-srcs := tests/fuzz/9p_codec.c
fuzz-9p_server-srcs := tests/fuzz/9p_server.c tests/unit/9p_memfs.c
fuzz-9p_client-srcs := tests/fuzz/9p_client.c
fuzz-9p_codec-libs := 9p
fuzz-9p_server-libs := 9p
fuzz-9p_client-libs := 9p
endif
