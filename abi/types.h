/* SPDX-License-Identifier: ISC */
/*
 * types.h: what kernel and programs agree on: numbers, rights, structures.
 *
 * Every structure here crosses the system call boundary or is read by both
 * sides. All fields are fixed-width and little endian, every structure has a
 * size assertion, and padding is explicit and must be zero. Calls are in
 * calls.abi, errors in errors.abi; abigen makes stubs, dispatch and pages.
 */
#pragma once
#include <stdint.h>

typedef uint32_t handle_t; /* 0 is never a handle */
#define HANDLE_NONE 0u

#define ABI_VERSION  1u
#define PAGE_SIZE    4096u
#define PAGE_SHIFT   12
#define SYSCALL_BASE 0x4000u

/* Time is nanoseconds since boot; a deadline is an absolute time. */
#define DEADLINE_NEVER UINT64_MAX
#define DEADLINE_NOW   0u /* do not wait: EAGAIN */

/* User addresses: [USER_LO, USER_HI). The information page is mapped read-only
 * in every address space. */
#define USER_LO	       0x10000ull
#define USER_HI	       0x7fffffff0000ull
#define USER_INFO_PAGE 0x7ffffffe0000ull

/* ---- rights ------------------------------------------------------------ */
#define RIGHT_READ    (1u << 0)
#define RIGHT_WRITE   (1u << 1)
#define RIGHT_EXECUTE (1u << 2)
#define RIGHT_MAP     (1u << 3)
#define RIGHT_GRANT   (1u << 4) /* may travel in a message or be given to a process */
#define RIGHT_REVOKE  (1u << 5)
#define RIGHT_WAIT    (1u << 6)
#define RIGHT_MANAGE  (1u << 7)
#define RIGHT_SEEK    (1u << 8) /* file rights: only judged by servers */
#define RIGHT_STAT    (1u << 9)
#define RIGHT_IOCTL   (1u << 10)
#define RIGHT_CONNECT (1u << 11)
#define RIGHT_ACCEPT  (1u << 12)
#define RIGHT_BIND    (1u << 13)
#define RIGHT_MMAP    (1u << 14)
#define RIGHT_INSIDE  (1u << 15) /* usable in capability mode */
#define RIGHT_WX      (1u << 16) /* a mapping may be writable and executable */
#define RIGHT_CHANGE  (1u << 17) /* of a connector: its sessions may write; judged by servers */
#define RIGHTS_ALL    0x3ffffu
#define RIGHTS_SAME   0xffffffffu /* handle_dup: the same rights */

/* ---- handles ----------------------------------------------------------- */
/* A handle number is generation << 14 | slot; generations start at 1. */
#define HANDLE_SLOT_BITS 14
#define HANDLE_SLOTS_MAX (1u << HANDLE_SLOT_BITS)
#define HANDLE_GEN_MAX	 0x3ffffu

enum object_type {
	OBJ_NONE,
	OBJ_VMO,
	OBJ_ASPACE,
	OBJ_PROCESS,
	OBJ_THREAD,
	OBJ_CHANNEL, /* receive side */
	OBJ_SENDER,  /* send side */
	OBJ_REPLY,
	OBJ_QUEUE,
	OBJ_SIGNAL,
	OBJ_SILO,
	OBJ_DEVICE,
	OBJ_IRQ,
	OBJ_LOG,   /* kernel log, debug UART, machine control */
	OBJ_CLOCK, /* wall-clock offset */
	OBJ_TYPES
};

/* Flags of a table entry. */
#define HANDLE_INHERIT (1u << 0) /* copied by process_create(PROCESS_INHERIT) */
#define HANDLE_STAY    (1u << 1) /* survives process_exec */
#define HANDLE_KEPT    (1u << 2) /* stays with the corpse for process_take; set by process_give */
#define GIVE_MOVE      (1u << 8) /* process_give: move the handle, do not derive one */

struct handle_info {
	uint32_t type; /* enum object_type */
	uint32_t rights;
	uint32_t flags;
	uint32_t refs;	/* references to the object, the kernel's own included */
	uint64_t id;	/* object number, never reused in a boot */
	uint64_t badge; /* of a sender; else 0 */
	uint32_t handle;
	uint32_t silo; /* account charged */
};
_Static_assert(sizeof(struct handle_info) == 40, "handle_info");

/* ---- memory ------------------------------------------------------------ */
enum vmo_kind { VMO_ANON, VMO_WIRED, VMO_CONTIGUOUS, VMO_PHYSICAL, VMO_PAGER, VMO_KINDS };

#define VMO_RESIDENT 1u /* vmo_read: only what is there */

struct vmo_info {
	uint32_t kind;
	uint32_t flags;
	uint64_t size;	    /* bytes, a multiple of the page size */
	uint64_t committed; /* bytes resident and charged here */
	uint64_t bus;	    /* VMO_CONTIGUOUS: bus address for its device; else 0 */
	uint32_t mappings;
	uint32_t reserved;
};
_Static_assert(sizeof(struct vmo_info) == 40, "vmo_info");

#define PROT_R 1u
#define PROT_W 2u
#define PROT_X 4u

#define MAP_AT	     (1u << 8)	/* at addr exactly; EEXIST if something is there */
#define MAP_REPLACE  (1u << 9)	/* with MAP_AT: unmap what is there */
#define MAP_POPULATE (1u << 10) /* map resident pages at once */
#define MAP_UNCACHED (1u << 11) /* physical VMOs only */
#define MAP_DROP     (1u << 12) /* aspace_clone: leave out */
#define MAP_SHARE    (1u << 13) /* aspace_clone: same VMO */
/* neither: aspace_clone makes a snapshot */

struct map_args {
	handle_t vmo;
	uint32_t flags; /* PROT_* | MAP_* */
	uint64_t addr;	/* 0 and no MAP_AT: the kernel chooses */
	uint64_t offset;
	uint64_t len;
};
_Static_assert(sizeof(struct map_args) == 32, "map_args");

struct mapping_info {
	uint64_t addr, len, offset;
	uint64_t vmo; /* object number */
	uint32_t flags, reserved;
};
_Static_assert(sizeof(struct mapping_info) == 40, "mapping_info");

struct pager_request {
	uint64_t offset, len;
	uint32_t access; /* PROT_R or PROT_W */
	uint32_t reserved;
};
_Static_assert(sizeof(struct pager_request) == 24, "pager_request");

/* ---- processes and threads --------------------------------------------- */
#define NAME_MAX_LEN 32 /* with its NUL */

#define PROCESS_INHERIT (1u << 0) /* copy the caller's HANDLE_INHERIT entries, same numbers */

struct process_args {
	uint64_t upcall;  /* entry for foreign system calls; 0: they fault */
	uint64_t fault;	  /* entry for faults; 0: a fault ends the process */
	uint64_t shim_lo; /* deferral range of interrupt requests */
	uint64_t shim_hi;
	uint32_t flags;
	uint32_t pledges; /* of the new process; at most the creator's */
	char name[NAME_MAX_LEN];
};
_Static_assert(sizeof(struct process_args) == 72, "process_args");

struct thread_args {
	uint64_t entry, sp;
	uint64_t arg; /* in rdi */
	uint64_t fs, gs;
	uint64_t msg;	/* where the message page is mapped, page aligned; 0: the kernel chooses */
	uint64_t block; /* struct thread_block, for fault upcalls; 0: none */
	uint64_t reserved;
};
_Static_assert(sizeof(struct thread_args) == 64, "thread_args");

/* What the kernel writes when it enters the fault entry. A handler that sets busy to
 * THREAD_BLOCK_PASS and runs the instruction again has its fault reported as if there were no
 * handler. */
#define THREAD_BLOCK_PASS 2u
struct thread_block {
	uint32_t busy;	 /* set by the kernel, cleared by the shim when done */
	uint32_t reason; /* enum fault_reason */
	uint64_t code;	 /* hardware error code, or UPCALL_INTERRUPT's argument */
	uint64_t address;
	uint64_t rip, rflags, rsp;
	uint64_t msg; /* address of this thread's message page, written at its start */
	uint32_t in_use;
	uint32_t pad;
	uint64_t free[8]; /* the shim's */
};
_Static_assert(sizeof(struct thread_block) == 128, "thread_block");

enum fault_reason {
	FAULT_NONE,
	FAULT_PAGE,	  /* no mapping, or not permitted */
	FAULT_PAGER,	  /* the pager said no, died, or was late */
	FAULT_MEMORY,	  /* the account or the machine is out of memory */
	FAULT_PROTECTION, /* general protection */
	FAULT_OPCODE,
	FAULT_DIVIDE,
	FAULT_FLOAT,
	FAULT_STACK,
	FAULT_ALIGNMENT,
	FAULT_BREAKPOINT,
	FAULT_STEP,
	FAULT_OVERFLOW,
	FAULT_SYSCALL, /* foreign system call without an upcall entry */
	FAULT_DOUBLE,  /* a fault while one was being handled */
	FAULT_MACHINE,
	FAULT_INTERRUPT, /* not a fault: thread_interrupt reached the upcall */
	FAULT_REASONS
};

struct thread_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, fs, gs;
};
_Static_assert(sizeof(struct thread_regs) == 160, "thread_regs");

#define THREAD_REGS 0u /* thread_state_*: struct thread_regs */
#define THREAD_FPU  1u /* the XSAVE area */

enum thread_run {
	THREAD_NEW,
	THREAD_READY,
	THREAD_RUNNING,
	THREAD_CALLING, /* queued at a channel */
	THREAD_REPLY,	/* waits for an answer */
	THREAD_RECEIVE, /* waits at a channel */
	THREAD_QUEUE,	/* waits at a queue */
	THREAD_FUTEX,
	THREAD_PAGER,
	THREAD_SLEEP,
	THREAD_FAULTED, /* waits for its handler */
	THREAD_DEAD,
};

struct thread_info {
	uint64_t id;
	uint32_t run; /* enum thread_run */
	uint32_t suspended;
	uint32_t fault; /* enum fault_reason, when THREAD_FAULTED */
	uint32_t cpu;
	uint64_t fault_code, fault_address, fault_rip;
	uint64_t cpu_ns;
};
_Static_assert(sizeof(struct thread_info) == 56, "thread_info");

enum process_state { PROCESS_NEW, PROCESS_RUNNING, PROCESS_CORPSE, PROCESS_GONE };

struct process_info {
	uint64_t pid;
	uint32_t state;	 /* enum process_state */
	int32_t code;	 /* exit code, or -1 after a fault */
	uint32_t reason; /* enum fault_reason of a crash */
	uint32_t silo;
	uint32_t threads, handles;
	uint64_t memory;  /* bytes resident in its address space */
	uint64_t charged; /* bytes charged to it; what LIMIT_PROCESS_MEMORY bounds */
	uint64_t cpu_ns;
	uint64_t fault_code, fault_address, fault_rip;
	uint64_t main_thread; /* object number */
	uint32_t pledges;
	uint32_t flags; /* IDENTITY_* */
	char name[NAME_MAX_LEN];
};
_Static_assert(sizeof(struct process_info) == 128, "process_info");

/* process_exec */
struct exec_args {
	struct process_args process;
	struct thread_args thread;
	handle_t aspace;
	uint32_t reserved;
};
_Static_assert(sizeof(struct exec_args) == 144, "exec_args");

/* ---- IPC --------------------------------------------------------------- */
/*
 * Message tag: bits 0-12 bytes in the message page, 13-15 handles, 16 buffers
 * named in the page, 32-63 a label of the sender's.
 */
#define MSG_BYTES_MASK	0x1fffull
#define MSG_HANDLES(n)	((uint64_t)(n) << 13)
#define MSG_NHANDLES(t) ((unsigned)((t) >> 13) & 7)
#define MSG_BUFFERS	(1ull << 16)
#define MSG_LABEL(l)	((uint64_t)(l) << 32)
#define MSG_HANDLES_MAX 4
#define MSG_WORDS	6

/* Who sent it. Written by the kernel into the receiver's message page. */
struct identity {
	uint64_t badge;
	uint64_t pid;
	uint32_t rights; /* of the handle used */
	uint32_t silo;
	uint32_t mode;	  /* silo mode, three octal digits */
	uint32_t pledges; /* PLEDGE_* */
	uint32_t rules;	  /* serial of the rule set; 0: none */
	uint32_t flags;	  /* IDENTITY_* */
};
_Static_assert(sizeof(struct identity) == 40, "identity");
#define IDENTITY_CAPABILITY (1u << 0) /* in capability mode */
#define IDENTITY_SYSTEM	    (1u << 1) /* silo of system tier or above */
#define IDENTITY_FAULT                                                                             \
	(1u << 2) /* a fault, not a call of the program's: struct thread_regs in data */

#define MSG_DATA_MAX 3968
struct message_page {
	struct identity from;		   /* kernel to receiver */
	handle_t handles[MSG_HANDLES_MAX]; /* both ways */
	uint64_t in, in_len;		   /* caller to kernel: buffers for reply_read */
	uint64_t out, out_len;		   /* ... and reply_write */
	uint64_t lens[2]; /* kernel to receiver: in_len and out_len of the caller */
	uint64_t reserved;
	uint8_t data[MSG_DATA_MAX];
};
_Static_assert(sizeof(struct message_page) == PAGE_SIZE - 16, "message_page");

/* ipc_reply_wait: what came */
#define IPC_MESSAGE   0
#define IPC_EVENT     1
#define REPLY_CURRENT 0u	  /* reply argument: the request in hand */
#define REPLY_NONE    0xffffffffu /* do not answer, only wait */

/* ---- events ------------------------------------------------------------ */
enum event_kind {
	EVENT_NONE,
	EVENT_MESSAGE,	 /* channel: a message waits (queue_wait only) */
	EVENT_CLOSED,	 /* channel: data0 = badge whose last handle went */
	EVENT_ABANDONED, /* channel: data0 = badge, data1 = tag */
	EVENT_IRQ,	 /* count of interrupts */
	EVENT_TIMER,	 /* count of expirations */
	EVENT_PROCESS,	 /* data0 = PROCESS_EV_*, data1 = exit code or reason */
	EVENT_SILO,	 /* data0 = enum silo_state, data1 = reason << 32 | code */
	EVENT_SIGNAL,	 /* data0 = the word */
	EVENT_MEMORY,	 /* a word was rung */
	EVENT_PRESSURE,	 /* silo: data0 = usage, data1 = limit */
	EVENT_PAGER,	 /* pager VMO has requests: pager_next */
	EVENT_KINDS
};
#define PROCESS_EV_EXIT (1u << 0)
#define PROCESS_EV_FORK (1u << 1)
#define PROCESS_EV_EXEC (1u << 2)
#define PROCESS_EV_FAULT                                                                           \
	(1u << 3) /* watcher becomes the fault handler: thread_state, thread_resume */

struct event {
	uint32_t kind;
	uint32_t count;
	uint64_t key;
	uint64_t data0, data1;
};
_Static_assert(sizeof(struct event) == 32, "event");

#define WATCH_EDGE    (1u << 0) /* report a change once; default: as long as it holds */
#define WATCH_ONESHOT (1u << 1) /* remove after the first event */

/* ---- silos and accounts ------------------------------------------------- */
enum silo_state {
	SILO_CREATED,
	SILO_LOADING,
	SILO_READY,
	SILO_RUNNING,
	SILO_PAUSED,
	SILO_STOPPING,
	SILO_STOPPED,
	SILO_CRASHED,
	SILO_ZOMBIE,
	SILO_DESTROYED,
	SILO_STATES
};

enum silo_op {
	SILO_OP_LOAD,
	SILO_OP_READY,
	SILO_OP_START,
	SILO_OP_PAUSE,
	SILO_OP_RESUME,
	SILO_OP_STOP,
	SILO_OP_KILL,
	SILO_OP_RESET,
	SILO_OP_DESTROY,
	SILO_OPS
};

#define SILO_BELOW 1u /* argument of KILL and DESTROY: all silos below first */

enum resource {
	RES_MEMORY,
	RES_PROCESSES,
	RES_THREADS,
	RES_HANDLES,
	RES_MESSAGES,
	RES_DMA,
	RES_KINDS
};

enum limit_key {
	LIMIT_MEMORY,
	LIMIT_PROCESSES,
	LIMIT_THREADS,
	LIMIT_HANDLES,
	LIMIT_MESSAGES,
	LIMIT_DMA,
	LIMIT_MEM_MIN,
	LIMIT_CPU_SHARES,
	LIMIT_CPU_QUOTA_US,
	LIMIT_CPU_PERIOD_US,
	LIMIT_AFFINITY,
	LIMIT_PROCESS_MEMORY,
	LIMIT_PROCESS_THREADS,
	LIMIT_PROCESS_HANDLES,
	LIMIT_KEYS
};

enum band { BAND_CRITICAL, BAND_SYSTEM, BAND_USER, BANDS };

#define MODE_LIST      0400
#define MODE_STOP      0200
#define MODE_SPAWN     0100
#define MODE_INTERRUPT 0040
#define MODE_IO	       0020
#define MODE_DMA       0010
#define MODE_LOOKUP    0004
#define MODE_BIND      0002
#define MODE_PROXY     0001

#define SILO_STRICT	 (1u << 0) /* a fault of any process is the silo's */
#define SILO_NO_TSC	 (1u << 1)
#define SILO_NO_FSGSBASE (1u << 2)

struct silo_args {
	uint32_t id; /* 1-9 critical, 10-999 system, from 1000 user; decides tier and band */
	uint32_t mode;
	uint32_t flags;
	uint32_t reserved;
	uint64_t xcr0;		     /* XSAVE components allowed; 0: all */
	uint64_t limits[LIMIT_KEYS]; /* 0: none (shares 0: 1024, affinity 0: all) */
};
_Static_assert(sizeof(struct silo_args) == 24 + 8 * 14, "silo_args");

struct silo_info {
	uint32_t id, state, mode, flags;
	uint32_t main_reason; /* enum fault_reason of the last crash */
	int32_t main_code;
	uint64_t main_pid;
	uint64_t cpu_ns, throttled_ns;
	uint64_t usage[RES_KINDS], peak[RES_KINDS];
	uint64_t limits[LIMIT_KEYS];
	uint64_t refused[RES_KINDS]; /* how often each limit said no */
};
_Static_assert(sizeof(struct silo_info) == 48 + 8 * (6 * 3 + 14), "silo_info");

/* ---- devices ------------------------------------------------------------ */
#define DEVICE_RANGES 8
#define DEVICE_LINES  8
struct phys_range {
	uint64_t base, len;
};
struct device_args {
	struct phys_range regs[DEVICE_RANGES]; /* register windows, byte ranges; len 0: unused */
	struct phys_range ports[DEVICE_RANGES];
	uint32_t lines[DEVICE_LINES]; /* global interrupt lines + 1; 0: unused */
	uint32_t msi;		      /* message interrupts allowed */
	uint32_t source;  /* requester id (segment << 16 | bus << 8 | devfn); ~0: none */
	uint64_t dma_max; /* bytes of DMA memory */
	char name[NAME_MAX_LEN];
};
_Static_assert(sizeof(struct device_args) == 336, "device_args");

struct device_info {
	struct device_args args;
	uint64_t dma_used, dma_quarantined;
	uint32_t irqs;
	uint32_t confined; /* 1: an IOMMU domain confines its DMA */
};
_Static_assert(sizeof(struct device_info) == 360, "device_info");

enum irq_kind { IRQ_LINE, IRQ_MSI };
#define IRQ_LEVEL (1u << 0)
#define IRQ_LOW	  (1u << 1)

struct irq_info {
	uint32_t kind, line;
	uint64_t msi_address;
	uint32_t msi_data;
	uint32_t flags;
	uint64_t delivered, pending, dropped;
};
_Static_assert(sizeof(struct irq_info) == 48, "irq_info");

/* ---- log and machine ----------------------------------------------------- */
enum machine_op {
	MACHINE_RESET,
	MACHINE_LOG_LEVEL, /* arg = subsystem << 8 | level */
	MACHINE_PANIC,
	MACHINE_LOCK_DEVICES /* on the root device: nothing more is cut from it */
};

struct system_info {
	uint64_t memory_total, memory_free; /* bytes */
	uint64_t boot_ns;
	uint32_t cpus, abi;
	uint64_t objects[OBJ_TYPES];
	uint64_t hold_max; /* longest hold of the kernel lock, in TSC ticks; 0: not measured */
	/* What it served: the number of a system call; below 0x20 enum fault_reason; 0 the timer or
	 * another CPU; else the vector of a device's interrupt. */
	uint64_t hold_where;
	uint64_t switches, ipc_calls, faults, interrupts;
	uint64_t kernel_memory; /* bytes: image, frame table, boot archive excluded */
	uint64_t frame_table, archive;
};

/* The information page (USER_INFO_PAGE), read-only to programs. */
struct info_page {
	uint32_t version, cpus;
	uint64_t tsc_base; /* ns = ((tsc - tsc_base) * mult) >> shift; mult 0: ask the kernel */
	uint32_t mult, shift;
	uint64_t wall_offset; /* ns to add for the wall clock; 0: not set */
	uint64_t xcr0;
	uint32_t seq;	   /* odd while wall_offset is being changed */
	uint32_t withheld; /* SILO_NO_TSC, SILO_NO_FSGSBASE: the program has none */
};

/* The first process finds these in the bootstrap block (bootstrap.h). */

/* ---- pledges -------------------------------------------------------------- */
#define PLEDGE_STDIO (1u << 0)
#define PLEDGE_RPATH (1u << 1)
#define PLEDGE_WPATH (1u << 2)
#define PLEDGE_CPATH (1u << 3)
#define PLEDGE_INET  (1u << 4)
#define PLEDGE_UNIX  (1u << 5)
#define PLEDGE_DNS   (1u << 6)
#define PLEDGE_PROC  (1u << 7)
#define PLEDGE_EXEC  (1u << 8)
#define PLEDGE_PROT  (1u << 9)
#define PLEDGE_MMAP  (1u << 10)
#define PLEDGE_TTY   (1u << 11)
#define PLEDGE_AUDIO (1u << 12)
#define PLEDGE_VIDEO (1u << 13)
#define PLEDGES_ALL  0x3fffu
