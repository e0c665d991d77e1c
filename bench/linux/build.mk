PLAIN += linux-bench
linux-bench-srcs := bench/linux/main.c bench/linux/sample.c bench/linux/calls.c \
	bench/linux/memory.c bench/linux/process.c bench/linux/files.c bench/linux/disk.c
