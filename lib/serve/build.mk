# SPDX-License-Identifier: ISC
LIBS += serve
serve-srcs := lib/serve/serve.c lib/serve/channel.c lib/serve/client_channel.c lib/serve/ns.c \
	lib/serve/register.c lib/serve/pump.c lib/serve/sessions.c lib/serve/state.c
