/* SPDX-License-Identifier: ISC */
/*
 * edu.c: see edu.h.
 */
#include "tests/core/edu/edu.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define EDU_VENDOR     0x1234
#define EDU_DEVICE     0x11e8
#define FUNCTIONS      32u

/* Registers. */
#define EDU_ID	   0x00
#define EDU_ACK	   0x64
#define EDU_SOURCE 0x80
#define EDU_TARGET 0x88
#define EDU_COUNT  0x90
#define EDU_DMA	   0x98

#define EDU_MEMORY	0x40000ull
#define EDU_ID_MASK	0xff
#define EDU_ID_IS	0xed
#define EDU_DMA_RUN	1ull
#define EDU_DMA_TO_HOST 2ull

/* ---- configuration space
 * ------------------------------------------------------------------------- */

static void aim_config(handle_t ports, uint32_t source, uint32_t offset)
{
	OK(sys_port_write(ports, CONFIG_ADDRESS, 4, 0x80000000u | source << 8 | (offset & 0xfc)));
}

static uint32_t config_read(void *ctx, uint32_t source, uint32_t offset, unsigned width)
{
	handle_t ports = *(handle_t *)ctx;

	aim_config(ports, source, offset);
	return (uint32_t)sys_port_read(ports, CONFIG_DATA + (offset & 3), width);
}

static void config_write(void *ctx, uint32_t source, uint32_t offset, unsigned width,
			 uint32_t value)
{
	handle_t ports = *(handle_t *)ctx;

	aim_config(ports, source, offset);
	OK(sys_port_write(ports, CONFIG_DATA + (offset & 3), width, value));
}

static struct pci_access access_by(struct edu *e)
{
	return (struct pci_access){config_read, config_write, &e->ports};
}

static void config_set(struct edu *e, uint32_t offset, unsigned width, uint32_t value)
{
	config_write(&e->ports, e->function.source, offset, width, value);
}

static void quiet(struct edu *e)
{
	const struct pci_access access = access_by(e);

	pci_command(&access, e->function.source, PCI_COMMAND_MASTER,
		    PCI_COMMAND_MEMORY | PCI_COMMAND_INTX);
	config_set(e, e->function.msi + PCI_MSI_CONTROL, 2, 0);
}

void edu_aim_at(struct edu *e, uint64_t address, uint32_t data)
{
	const struct pci_access access = access_by(e);
	uint32_t msi = e->function.msi;

	config_set(e, msi + PCI_MSI_ADDRESS, 4, (uint32_t)address);
	config_set(e, msi + PCI_MSI_ADDRESS + 4, 4, (uint32_t)(address >> 32));
	config_set(e, msi + PCI_MSI_ADDRESS + 8, 2, data);
	config_set(e, msi + PCI_MSI_CONTROL, 2, PCI_MSI_ENABLE);
	pci_command(&access, e->function.source, 0, PCI_COMMAND_MASTER);
}

void edu_aim(struct edu *e, handle_t irq)
{
	struct irq_info info;

	OK(sys_irq_info(irq, &info));
	edu_aim_at(e, info.msi_address, info.msi_data);
}

/* ---- coming and going
 * ------------------------------------------------------------------------------ */

static void function_find(struct edu *e)
{
	static struct pci_function found[FUNCTIONS];
	const struct pci_access access = access_by(e);
	unsigned n = pci_enumerate(&access, 0, 0, 0, found, FUNCTIONS);

	for (unsigned i = 0; i < n; i++)
		if (found[i].vendor == EDU_VENDOR && found[i].device == EDU_DEVICE) {
			e->function = found[i];
			return;
		}
	core_skip("the machine has no edu");
}

void edu_map(struct edu *e)
{
	struct map_args map = {
		.vmo = e->registers, .flags = PROT_R | PROT_W | MAP_UNCACHED, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &map);

	CHECK(at > 0);
	e->at = (uint8_t *)at;
	CHECK_EQ(*(volatile uint32_t *)(e->at + EDU_ID) & EDU_ID_MASK, EDU_ID_IS);
}

/* What there was of the registers is never mapped again once an owner of the device has died. */
void edu_map_anew(struct edu *e)
{
	core_close(e->registers);
	e->registers = TAKE(sys_vmo_create_physical(e->device, e->function.bar[0].base, PAGE_SIZE));
	edu_map(e);
}

void edu_open(struct edu *e, uint64_t dma_max)
{
	struct device_args ports = {
		.ports = {{CONFIG_ADDRESS, 8}}, .source = ~0u, .name = "pci-ports"};

	e->ports = TAKE(sys_device_create(core_device, &ports));
	function_find(e);
	CHECK(e->function.msi && e->function.bar[0].kind == PCI_BAR_MEMORY);
	quiet(e);
	e->device = TAKE(sys_device_create(
		core_device,
		&(struct device_args){.regs = {{e->function.bar[0].base, e->function.bar[0].size}},
				      .source = e->function.source,
				      .msi = 1,
				      .dma_max = dma_max,
				      .name = "edu"}));
	e->registers = TAKE(sys_vmo_create_physical(e->device, e->function.bar[0].base, PAGE_SIZE));
	edu_map(e);
}

void edu_close(struct edu *e)
{
	quiet(e);
	core_unmap(e->at, PAGE_SIZE);
	core_close(e->registers);
	OK(sys_device_quiesced(e->device));
	core_close(e->device);
	core_close(e->ports);
}

/* ---- interrupts and transfers
 * ------------------------------------------------------------------------ */

static volatile uint32_t *word(struct edu *e, unsigned offset)
{
	return (volatile uint32_t *)(e->at + offset);
}

static volatile uint64_t *wide(struct edu *e, unsigned offset)
{
	return (volatile uint64_t *)(e->at + offset);
}

void edu_raise(struct edu *e)
{
	*word(e, EDU_BELL) = 1;
	*word(e, EDU_ACK) = 1;
}

void edu_dma(struct edu *e, enum edu_way way, uint64_t bus)
{
	const struct pci_access access = access_by(e);
	uint64_t deadline = core_soon();

	pci_command(&access, e->function.source, 0, PCI_COMMAND_MASTER);
	*wide(e, EDU_SOURCE) = way == EDU_LOAD ? bus : EDU_MEMORY;
	*wide(e, EDU_TARGET) = way == EDU_LOAD ? EDU_MEMORY : bus;
	*wide(e, EDU_COUNT) = EDU_BUFFER;
	*wide(e, EDU_DMA) = EDU_DMA_RUN | (way == EDU_STORE ? EDU_DMA_TO_HOST : 0);
	while (*wide(e, EDU_DMA) & EDU_DMA_RUN) {
		CHECK(time_now() < deadline);
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	}
}
