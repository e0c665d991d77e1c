/* SPDX-License-Identifier: ISC */
/*
 * image.c: the image's part: reading it, planning, mapping its segments.
 *
 * A segment is shared when it is not writable and the file lies page-aligned in its VMO. Whatever
 * follows the file's bytes in the last page of a shared segment is the file's next bytes, as on
 * other systems. A writable segment is a snapshot, or a copy in the pool.
 */
#include <string.h>
#include "spawn/priv.h"

int spawn_read(const struct spawn_image *image, uint64_t offset, void *to, uint64_t len)
{
	if (offset > image->len || len > image->len - offset)
		return -ENOEXEC;
	if (!image->bytes)
		return (int)sys_vmo_read(image->vmo, image->offset + offset, to, len, 0);
	memcpy(to, (const uint8_t *)image->bytes + offset, len);
	return 0;
}

/* Copy image bytes to another VMO, through buffer when they are not mapped. */
int spawn_copy(const struct spawn_image *image, uint64_t offset, handle_t vmo, uint64_t to,
	       uint64_t len, uint8_t *buffer, uint64_t buffer_len)
{
	if (offset > image->len || len > image->len - offset)
		return -ENOEXEC;
	if (image->bytes)
		return (int)sys_vmo_write(vmo, to, (const uint8_t *)image->bytes + offset, len);
	while (len) {
		uint64_t part = len < buffer_len ? len : buffer_len;
		int result = spawn_read(image, offset, buffer, part);

		if (result == 0)
			result = (int)sys_vmo_write(vmo, to, buffer, part);
		if (result < 0)
			return result;
		offset += part, to += part, len -= part;
	}
	return 0;
}

int spawn_plan(struct spawn_job *job)
{
	const struct spawn_image *image = &job->args->image;
	const struct elf_window window = {USER_LO, SPAWN_HIGH, SPAWN_PIE};
	uint64_t head_len = image->len < ELF_HEAD_SIZE ? image->len : ELF_HEAD_SIZE;
	const void *head = image->bytes;
	const char *reason;
	int result;

	if (!head) {
		result = spawn_read(image, 0, job->buffer, head_len);
		if (result < 0)
			return result;
		head = job->buffer;
	}
	return elf_plan(head, head_len, image->len, &window, &job->plan, &reason);
}

static int image_aligned(const struct spawn_image *image)
{
	return (image->offset & (PAGE_SIZE - 1)) == 0;
}

enum segment_way { SEGMENT_SHARED, SEGMENT_SNAPSHOT, SEGMENT_POOL };

/* How a segment gets its file bytes. */
static enum segment_way segment_way(const struct spawn_image *image, const struct elf_segment *s)
{
	if (!image_aligned(image) || s->file_len == 0)
		return SEGMENT_POOL;
	if (!(s->prot & ELF_PROT_WRITE))
		return s->clear_tail ? SEGMENT_POOL : SEGMENT_SHARED;
	return image->bytes && s->file_len <= SPAWN_COPY_MAX ? SEGMENT_POOL : SEGMENT_SNAPSHOT;
}

/* Bytes of a segment that come out of the pool. */
static uint64_t segment_pool(const struct spawn_image *image, const struct elf_segment *s)
{
	if (segment_way(image, s) == SEGMENT_POOL)
		return s->map_len;
	return s->map_len - spawn_pages(s->file_len);
}

uint64_t spawn_pool_need(const struct spawn_job *job)
{
	uint64_t need = job->stack_len;

	for (uint32_t i = 0; i < job->plan.segments; i++)
		need += segment_pool(&job->args->image, &job->plan.segment[i]);
	if (job->args->shim)
		need += job->args->shim->data_len;
	return need;
}

int spawn_map(struct spawn_job *job, handle_t vmo, uint64_t addr, uint64_t offset, uint64_t len,
	      uint32_t prot)
{
	struct map_args args = {
		.vmo = vmo, .flags = prot | MAP_AT, .addr = addr, .offset = offset, .len = len};
	int64_t result = sys_aspace_map(job->aspace, &args);

	return result < 0 ? (int)result : 0;
}

static uint32_t segment_prot(const struct elf_segment *s)
{
	return (s->prot & ELF_PROT_READ ? PROT_R : 0) | (s->prot & ELF_PROT_WRITE ? PROT_W : 0) |
	       (s->prot & ELF_PROT_EXEC ? PROT_X : 0);
}

/* Zeros behind the file's bytes in their last page. */
static int clear_tail(handle_t vmo, uint64_t file_len)
{
	static const uint8_t zeros[PAGE_SIZE];
	uint64_t tail = spawn_pages(file_len) - file_len;

	return tail ? (int)sys_vmo_write(vmo, file_len, zeros, tail) : 0;
}

/* A writable segment's file bytes as a snapshot of the image. */
static int map_snapshot(struct spawn_job *job, const struct elf_segment *s)
{
	const struct spawn_image *image = &job->args->image;
	uint64_t len = spawn_pages(s->file_len);
	int64_t vmo = sys_vmo_clone(image->vmo, image->offset + s->map_offset, len);
	int result;

	if (vmo < 0)
		return (int)vmo;
	result = clear_tail((handle_t)vmo, s->file_len);
	if (result == 0)
		result = spawn_map(job, (handle_t)vmo, s->map_addr, 0, len, segment_prot(s));
	sys_handle_close((handle_t)vmo);
	return result;
}

static int map_segment(struct spawn_job *job, const struct elf_segment *s)
{
	const struct spawn_image *image = &job->args->image;
	uint64_t pooled = segment_pool(image, s), offset = job->pool_used;
	int result = 0;

	switch (segment_way(image, s)) {
	case SEGMENT_SHARED:
		result = spawn_map(job, image->vmo, s->map_addr, image->offset + s->map_offset,
				   spawn_pages(s->file_len), segment_prot(s));
		break;
	case SEGMENT_SNAPSHOT: result = map_snapshot(job, s); break;
	case SEGMENT_POOL:
		if (s->file_len)
			result = spawn_copy(image, s->map_offset, job->pool, offset, s->file_len,
					    job->buffer, sizeof(job->buffer));
		break;
	}
	if (result < 0 || pooled == 0)
		return result;
	job->pool_used += pooled;
	return spawn_map(job, job->pool, s->map_addr + s->map_len - pooled, offset, pooled,
			 segment_prot(s));
}

int spawn_map_image(struct spawn_job *job)
{
	for (uint32_t i = 0; i < job->plan.segments; i++) {
		int result = map_segment(job, &job->plan.segment[i]);

		if (result < 0)
			return result;
	}
	return 0;
}

int spawn_image_copy(const struct spawn_image *image, struct spawn_image *copy)
{
	uint8_t buffer[PAGE_SIZE];
	int64_t vmo = sys_vmo_create(spawn_pages(image->len), VMO_ANON);
	int result;

	if (vmo < 0)
		return (int)vmo;
	result = spawn_copy(image, 0, (handle_t)vmo, 0, image->len, buffer, sizeof(buffer));
	if (result < 0) {
		sys_handle_close((handle_t)vmo);
		return result;
	}
	*copy = (struct spawn_image){.vmo = (handle_t)vmo, .len = image->len};
	return 0;
}

/* The shim's segments: text with the header first, zeroed data right behind. */
static int shim_segments(const struct elf_plan *plan, struct spawn_shim *shim)
{
	const struct elf_segment *text = &plan->segment[0], *data = &plan->segment[1];
	const struct shim_header *h = &shim->header;

	if (plan->segments != 2 || text->prot != (ELF_PROT_READ | ELF_PROT_EXEC) ||
	    text->clear_tail || data->prot != (ELF_PROT_READ | ELF_PROT_WRITE) || data->file_len)
		return -ENOEXEC;
	shim->text_offset = text->map_offset;
	shim->text_len = text->map_len;
	shim->data = data->map_addr - text->map_addr;
	shim->data_len = data->map_len;
	if (h->magic != SHIM_MAGIC || h->version != SHIM_VERSION || h->text_len > text->map_len ||
	    h->start >= h->text_len || h->upcall >= h->text_len || h->fault >= h->text_len ||
	    h->block < shim->data || h->block % 64 ||
	    h->block - shim->data > shim->data_len - sizeof(struct thread_block))
		return -ENOEXEC;
	return 0;
}

int spawn_shim_open(const struct spawn_image *image, struct spawn_shim *shim)
{
	const struct elf_window window = {SPAWN_SHIM, USER_INFO_PAGE, SPAWN_SHIM};
	struct spawn_image from = *image;
	uint8_t head[ELF_HEAD_SIZE];
	uint64_t head_len = image->len < sizeof(head) ? image->len : sizeof(head);
	struct elf_plan plan;
	const char *reason;
	int result = spawn_read(image, 0, head, head_len);

	if (result == 0)
		result = elf_plan(head, head_len, image->len, &window, &plan, &reason);
	if (result < 0)
		return result;
	result = spawn_read(image, plan.segment[0].map_offset, &shim->header, sizeof(shim->header));
	if (result == 0)
		result = shim_segments(&plan, shim);
	if (result == 0 && !image_aligned(image))
		result = spawn_image_copy(image, &from);
	if (result < 0)
		return result;
	shim->vmo = from.vmo;
	shim->text_offset += from.offset;
	return 0;
}
