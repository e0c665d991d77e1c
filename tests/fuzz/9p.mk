# 9P: fuzzers
FUZZ += 9p_codec 9p_server 9p_client
fuzz-9p_codec-srcs := tests/fuzz/9p_codec.c
fuzz-9p_server-srcs := tests/fuzz/9p_server.c tests/unit/9p_memfs.c
fuzz-9p_client-srcs := tests/fuzz/9p_client.c
fuzz-9p_codec-libs := 9p
fuzz-9p_server-libs := 9p
fuzz-9p_client-libs := 9p
