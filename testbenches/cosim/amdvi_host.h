/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small AMD-Vi driver in C over quiesce/cosim.h, for the programs of this folder: registers, tables, commands and log
 * entries in bytes, worked from facts/iommu-specs.md section 3 and from no header of the models.
 */
#ifndef AMDVI_HOST_H
#define AMDVI_HOST_H

#include "any_host.h"

/* clang-format off */
enum { DEV_TAB_BAR = 0x0, CMD_BUF_BAR = 0x8, EVT_LOG_BAR = 0x10, CONTROL = 0x18, EFR = 0x30, PPR_LOG_BAR = 0x38,
       MSI_HEADER = 0x158, MSI_ADDRESS = 0x15c, MSI_ADDRESS_HIGH = 0x160, MSI_DATA = 0x164,
       CMD_HEAD = 0x2000, CMD_TAIL = 0x2008, EVT_HEAD = 0x2010, EVT_TAIL = 0x2018, STATUS = 0x2020, PPR_HEAD = 0x2030,
       PPR_TAIL = 0x2038 };
enum { IOMMU_EN = 1 << 0, EVENT_LOG_EN = 1 << 2, EVENT_INT_EN = 1 << 3, CMD_BUF_EN = 1 << 12,
       PPR_LOG_EN = 1 << 13, PPR_INT_EN = 1 << 14, PPR_EN = 1 << 15, GT_EN = 1 << 16 }; /* Control */
enum { EVT_OVERFLOW = 1 << 0, EVT_INT = 1 << 1, EVT_RUN = 1 << 3, CMD_BUF_RUN = 1 << 4,
       PPR_INT = 1 << 6, PPR_RUN = 1 << 7 }; /* Status */

/* Where everything is, from the start of memory. */
enum { AT_COMMANDS = 0x10000, AT_EVENTS = 0x11000, AT_REQUESTS = 0x12000, AT_STORED = 0x13000, AT_GCR3 = 0x14000,
       AT_GCR3_LEAVES = 0x15000, AT_TABLES = 0x60000, AT_PAGES = 0x100000, AT_DEVICES = 0x200000 };
enum { ENTRIES = 256 }; /* of each ring: length code 8 */
/* clang-format on */
static const uint64_t ring_length = UINT64_C(8) << 56;

typedef struct amdvi {
    qsc_platform p;
    uint64_t registers, memory;
    uint64_t next_table;
    uint32_t tail;                        /* of the command buffer, counted in commands */
    uint64_t waits;                       /* what the newest COMPLETION_WAIT stores */
    void (*while_waiting)(struct amdvi*); /* what the host has to do meanwhile; may be null */
} amdvi;

static inline uint64_t reg(amdvi* a, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    OK(qsc_mmio_read(a->p, a->registers + offset, bytes, &value));
    return value;
}
static inline void set_reg(amdvi* a, uint32_t offset, uint32_t bytes, uint64_t value) {
    OK(qsc_mmio_write(a->p, a->registers + offset, bytes, value));
}
static inline void store(amdvi* a, uint64_t at, const uint64_t* words, unsigned count) {
    OK(qsc_memory_write(a->p, at, words, count * sizeof *words));
}
static inline uint64_t load(amdvi* a, uint64_t at) {
    uint64_t word = 0;
    OK(qsc_memory_read(a->p, at, &word, sizeof word));
    return word;
}

/* ---- structures: 3.2, 3.5, 5.2 */

static const uint64_t VALID = 1, TRANSLATES = 2, ALLOWS_PPR = UINT64_C(1) << 52,
                      GPRP = UINT64_C(1) << 53, /* answers to page requests have their PASID */
                      GV = UINT64_C(1) << 55, TWO_LEVELS = UINT64_C(1) << 56, READS = UINT64_C(1) << 61,
                      WRITES = UINT64_C(1) << 62;
static const uint64_t IOTLB = UINT64_C(1) << 32; /* of the second 64 */

/* `low`, `high`: bits of the first and of the second 64, beside the root of the GCR3 table and the domain. */
static inline void set_device(amdvi* a, uint32_t id, uint64_t low, uint64_t high, uint64_t gcr3, uint64_t domain) {
    const uint64_t root_low = (gcr3 >> 12 & 7) << 58, root_high = (gcr3 >> 15 & 0xffff) << 16 | gcr3 >> 31 << 43;
    const uint64_t entry[4] = {low | root_low, high | domain | root_high, 0, 0};
    store(a, a->memory + AT_DEVICES + 32 * (uint64_t)id, entry, 4);
}
/* Two levels: PASID[17:9], PASID[8:0]; one table of the second here. `root` 0: not valid. */
static inline void set_gcr3(amdvi* a, uint32_t pasid, uint64_t root) {
    const uint64_t upper = (a->memory + AT_GCR3_LEAVES) | 1, entry = root == 0 ? 0 : root | 1;
    store(a, a->memory + AT_GCR3 + 8 * (uint64_t)(pasid >> 9), &upper, 1);
    store(a, a->memory + AT_GCR3_LEAVES + 8 * (uint64_t)(pasid & 511), &entry, 1);
}

static inline uint64_t new_table(amdvi* a) { return a->memory + AT_TABLES + 0x1000 * a->next_table++; }

/* Four levels of x86-64, or of the host's own form, whose entries name the level that they lead to. */
enum { GUEST = 0, HOST = 1 };
static inline uint64_t table_entry(uint64_t to, unsigned level, int form) {
    return form == GUEST ? to | 7 : to | 1 | (uint64_t)level << 9 | READS | WRITES;
}
static inline uint64_t entry_of(amdvi* a, uint64_t root, uint64_t va, unsigned level, int form) {
    uint64_t table = root;
    for (unsigned above = 4; above > level; --above) {
        const uint64_t slot = table + 8 * (va >> (12 + 9 * (above - 1)) & 511);
        uint64_t entry = load(a, slot);
        if (entry == 0) {
            entry = table_entry(new_table(a), above - 1, form);
            store(a, slot, &entry, 1);
        }
        table = entry & UINT64_C(0xffffffffff000);
    }
    return table + 8 * (va >> (12 + 9 * (level - 1)) & 511);
}
/* `to` 0 takes the page away. */
static inline void map_page(amdvi* a, uint64_t root, uint64_t va, uint64_t to, int form) {
    const uint64_t leaf = to == 0 ? 0 : table_entry(to, 0, form);
    store(a, entry_of(a, root, va, 1, form), &leaf, 1);
}

/* ---- the command buffer: 3.3 */

static inline uint32_t head_of(amdvi* a) { return (uint32_t)reg(a, CMD_HEAD, 4) >> 4; }

static inline void command(amdvi* a, uint64_t low, uint64_t high) {
    const uint64_t words[2] = {low, high};
    store(a, a->memory + AT_COMMANDS + 16 * (uint64_t)a->tail, words, 2);
    a->tail = (a->tail + 1) % ENTRIES;
    set_reg(a, CMD_TAIL, 4, a->tail << 4);
}
/* What is in the upper four bits of the first 64, and what goes with the second. */
static inline uint64_t opcode(uint64_t n) { return n << 60; }
enum { SIZE = 1 << 0, PDE = 1 << 1, GN = 1 << 2 };
static const uint64_t everything = UINT64_C(0x7ffffffffffff000);

static inline void forget_device(amdvi* a, uint64_t id) { command(a, opcode(2) | id, 0); }
static inline void forget_pages(amdvi* a, uint64_t domain, uint64_t pasid, uint64_t what) {
    command(a, opcode(3) | domain << 32 | pasid, what);
}
/* MaxPend 32; the queue is the device; PASID[15:8] at 23:16, PASID[7:0] at 55:48, as Linux has it. */
static inline void forget_at_device(amdvi* a, uint64_t id, uint64_t pasid, uint64_t what) {
    command(a, opcode(4) | id | (pasid >> 8 & 0xff) << 16 | UINT64_C(32) << 24 | id << 32 | (pasid & 0xff) << 48, what);
}
static inline void answer_page_request(amdvi* a, uint64_t id, uint64_t pasid, uint64_t tag, uint64_t code) {
    command(a, opcode(7) | id | pasid << 32, GN | tag << 32 | code << 44);
}

static inline int stored(amdvi* a) { return load(a, a->memory + AT_STORED) == a->waits; }
/* COMPLETION_WAIT, and the wait for what it stores; false if the buffer stands still. */
static inline int synchronise(amdvi* a) {
    command(a, opcode(1) | (a->memory + AT_STORED) | 1, ++a->waits);
    while (!stored(a)) {
        if ((reg(a, STATUS, 4) & CMD_BUF_RUN) == 0) return 0;
        if (a->while_waiting != NULL) a->while_waiting(a);
        qsc_relax(a->p, us);
    }
    return 1;
}

/* ---- what the unit tells: 3.4, 3.5 */

/* The oldest entry of a log, 16 bytes; false if there is none. */
static inline int next_entry(amdvi* a, uint64_t log, uint32_t head_at, uint32_t tail_at, uint64_t entry[2]) {
    const uint64_t head = reg(a, head_at, 4);
    if (reg(a, tail_at, 4) == head) return 0;
    OK(qsc_memory_read(a->p, a->memory + log + head, entry, 16));
    set_reg(a, head_at, 4, (head + 16) % (16 * ENTRIES));
    return 1;
}
static inline int next_event(amdvi* a, uint64_t entry[2]) {
    return next_entry(a, AT_EVENTS, EVT_HEAD, EVT_TAIL, entry);
}
static inline int next_page_request(amdvi* a, uint64_t entry[2]) {
    return next_entry(a, AT_REQUESTS, PPR_HEAD, PPR_TAIL, entry);
}
static inline void expect_message(amdvi* a, uint64_t address, uint32_t data) {
    qsc_interrupt i = {.size = sizeof i};
    OK(qsc_wait_news(a->p, QSC_NEWS_INTERRUPT, 100 * us, NULL));
    OK(qsc_interrupt_next(a->p, &i));
    CHECK(i.kind == QSC_INTERRUPT_MESSAGE && i.address == address && i.data == data);
}
static inline void expect_no_message(amdvi* a) {
    CHECK(qsc_wait_news(a->p, QSC_NEWS_INTERRUPT, 5 * us, NULL) == QSC_PENDING);
}

#endif
