/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small SMMUv3 driver in C over quiesce/cosim.h, for the programs of this folder: registers, structures, queues and
 * commands in bytes, worked from facts/iommu-specs.md section 1 and from no header of the models.
 */
#ifndef SMMUV3_HOST_H
#define SMMUV3_HOST_H

#include "any_host.h"

/* clang-format off */
enum { IDR0 = 0x0, IDR1 = 0x4, IDR5 = 0x14, IIDR = 0x18, CR0 = 0x20, CR0ACK = 0x24, CR2 = 0x2c, GBPA = 0x44,
       IRQ_CTRL = 0x50, IRQ_CTRLACK = 0x54, GERROR = 0x60, GERRORN = 0x64, STRTAB_BASE = 0x80, STRTAB_BASE_CFG = 0x88,
       CMDQ_BASE = 0x90, CMDQ_PROD = 0x98, CMDQ_CONS = 0x9c, EVENTQ_BASE = 0xa0, EVENTQ_IRQ_CFG0 = 0xb0,
       EVENTQ_IRQ_CFG1 = 0xb8, PRIQ_BASE = 0xc0, EVENTQ_PROD = 0x100a8, EVENTQ_CONS = 0x100ac, PRIQ_PROD = 0x100c8,
       PRIQ_CONS = 0x100cc };
enum { SMMUEN = 1, PRIQEN = 2, EVENTQEN = 4, CMDQEN = 8 };

/* Where everything is, from the start of memory. */
enum { AT_STREAMS = 0x10000, AT_COMMANDS = 0x20000, AT_EVENTS = 0x30000, AT_REQUESTS = 0x40000, AT_CONTEXTS = 0x50000,
       AT_TABLES = 0x60000, AT_PAGES = 0x100000, QUEUE_LOG2 = 4, STREAMS_LOG2 = 4 };
/* clang-format on */

typedef struct smmu {
    qsc_platform p;
    uint64_t registers, memory;
    uint64_t next_table;
    uint32_t commands;                   /* CMDQ_PROD as we know it: index and wrap bit */
    void (*while_waiting)(struct smmu*); /* what the host has to do meanwhile; may be null */
} smmu;

static inline uint64_t reg(smmu* s, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    OK(qsc_mmio_read(s->p, s->registers + offset, bytes, &value));
    return value;
}
static inline void set_reg(smmu* s, uint32_t offset, uint32_t bytes, uint64_t value) {
    OK(qsc_mmio_write(s->p, s->registers + offset, bytes, value));
}
static inline void store(smmu* s, uint64_t at, const uint64_t* words, unsigned count) {
    OK(qsc_memory_write(s->p, at, words, count * sizeof *words));
}
static inline uint64_t load(smmu* s, uint64_t at) {
    uint64_t word = 0;
    OK(qsc_memory_read(s->p, at, &word, sizeof word));
    return word;
}

/* ---- structures: 1.3, 1.4, 5.1 */

static inline void set_stream(smmu* s, uint32_t sid, uint64_t contexts, uint64_t log2_contexts, int ats) {
    const uint64_t ste[8] = {1 | 5 << 1 | contexts | log2_contexts << 59,        /* V, S1, S1ContextPtr, S1CDMax */
                             (ats ? UINT64_C(1) << 28 : 0) | UINT64_C(1) << 44}; /* EATS, SHCFG as it comes */
    store(s, s->memory + AT_STREAMS + 64 * (uint64_t)sid, ste, 8);
}
static inline void set_context(smmu* s, uint64_t at, uint64_t root, uint64_t asid, int stall) {
    const uint64_t cd[8] = {16 | UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(5) << 32 /* T0SZ, EPD1, V, IPS */
                                | UINT64_C(1) << 41 | (stall ? UINT64_C(1) << 44 : 0)      /* AA64, S */
                                | UINT64_C(1) << 45 | UINT64_C(1) << 46 | asid << 48,      /* R, A, ASID */
                            root};
    store(s, at, cd, 8);
}
static inline uint64_t new_table(smmu* s) { return s->memory + AT_TABLES + 0x1000 * s->next_table++; }
/* `to` 0 takes the page away. */
static inline void map_page(smmu* s, uint64_t root, uint64_t va, uint64_t to) {
    uint64_t table = root;
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        const uint64_t slot = table + 8 * (va >> shift & 511);
        uint64_t entry = load(s, slot);
        if (entry == 0) {
            entry = new_table(s) | 3;
            store(s, slot, &entry, 1);
        }
        table = entry & ~UINT64_C(0xfff);
    }
    const uint64_t leaf = to == 0 ? 0 : to | 3 | 1 << 6 | 1 << 10 | 1 << 11; /* AP[1], AF, nG */
    store(s, table + 8 * (va >> 12 & 511), &leaf, 1);
}

/* ---- queues: 1.2, 1.6 */

static inline uint32_t next_index(uint32_t index) { return (index + 1) & ((2u << QUEUE_LOG2) - 1); }
static inline uint32_t slot_of(uint32_t index) { return index & ((1u << QUEUE_LOG2) - 1); }

static inline void command(smmu* s, uint64_t low, uint64_t high) {
    const uint64_t words[2] = {low, high};
    store(s, s->memory + AT_COMMANDS + 16 * slot_of(s->commands), words, 2);
    s->commands = next_index(s->commands);
    set_reg(s, CMDQ_PROD, 4, s->commands);
}
/* CMD_SYNC, and the wait for it by polling; false if a command was in error. */
static inline int synchronise(smmu* s) {
    command(s, 0x46, 0);
    while ((reg(s, CMDQ_CONS, 4) & 0xfffff) != s->commands) {
        if (((reg(s, GERROR, 4) ^ reg(s, GERRORN, 4)) & 1) != 0) return 0;
        if (s->while_waiting != NULL) s->while_waiting(s);
        qsc_relax(s->p, us);
    }
    return 1;
}
/* The oldest event, 32 bytes; false if there is none. */
static inline int next_event(smmu* s, uint64_t event[4]) {
    const uint32_t cons = (uint32_t)reg(s, EVENTQ_CONS, 4);
    if ((reg(s, EVENTQ_PROD, 4) & 0xfffff) == (cons & 0xfffff)) return 0;
    OK(qsc_memory_read(s->p, s->memory + AT_EVENTS + 32 * slot_of(cons), event, 32));
    set_reg(s, EVENTQ_CONS, 4, (cons & ~0xfffffu) | next_index(cons & 0xfffff));
    return 1;
}
static inline int next_page_request(smmu* s, uint64_t record[2]) {
    const uint32_t cons = (uint32_t)reg(s, PRIQ_CONS, 4);
    if ((reg(s, PRIQ_PROD, 4) & 0xfffff) == (cons & 0xfffff)) return 0;
    OK(qsc_memory_read(s->p, s->memory + AT_REQUESTS + 16 * slot_of(cons), record, 16));
    set_reg(s, PRIQ_CONS, 4, (cons & ~0xfffffu) | next_index(cons & 0xfffff));
    return 1;
}

static inline void set_cr0(smmu* s, uint32_t value) {
    set_reg(s, CR0, 4, value);
    while (reg(s, CR0ACK, 4) != value) qsc_relax(s->p, us);
}
/* As Linux does it: tables and queues while everything is off, caches emptied, then enabled one after the other. */
static inline void bring_up(smmu* s, uint64_t event_message) {
    set_cr0(s, 0);
    set_reg(s, STRTAB_BASE, 8, s->memory + AT_STREAMS);
    set_reg(s, STRTAB_BASE_CFG, 4, STREAMS_LOG2);
    set_reg(s, CR2, 4, 2); /* RECINVSID */
    set_reg(s, CMDQ_BASE, 8, (s->memory + AT_COMMANDS) | QUEUE_LOG2);
    set_reg(s, EVENTQ_BASE, 8, (s->memory + AT_EVENTS) | QUEUE_LOG2);
    set_reg(s, PRIQ_BASE, 8, (s->memory + AT_REQUESTS) | QUEUE_LOG2);
    set_cr0(s, CMDQEN);
    command(s, 0x04, 31); /* CFGI_ALL */
    command(s, 0x30, 0);  /* TLBI_NSNH_ALL */
    CHECK(synchronise(s));
    set_reg(s, EVENTQ_IRQ_CFG0, 8, event_message);
    set_reg(s, EVENTQ_IRQ_CFG1, 4, 0xe0);
    set_reg(s, IRQ_CTRL, 4, 7);
    while (reg(s, IRQ_CTRLACK, 4) != 7) qsc_relax(s->p, us);
    set_cr0(s, CMDQEN | EVENTQEN | PRIQEN);
    set_cr0(s, CMDQEN | EVENTQEN | PRIQEN | SMMUEN);
}

#endif
