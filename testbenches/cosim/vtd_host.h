/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small VT-d driver in C over quiesce/cosim.h, for the programs of this folder: registers, tables, descriptors and
 * records in bytes, worked from facts/iommu-specs.md section 2 and from no header of the models.
 */
#ifndef VTD_HOST_H
#define VTD_HOST_H

#include "any_host.h"

/* clang-format off */
enum { VER = 0x0, CAP = 0x8, ECAP = 0x10, GCMD = 0x18, GSTS = 0x1c, RTADDR = 0x20, CCMD = 0x28, FSTS = 0x34,
       FECTL = 0x38, FEDATA = 0x3c, FEADDR = 0x40, FEUADDR = 0x44, IQH = 0x80, IQT = 0x88, IQA = 0x90, ICS = 0x9c,
       IECTL = 0xa0, IQERCD = 0xb0, PQH = 0xc0, PQT = 0xc8, PQA = 0xd0, PRS = 0xdc, PECTL = 0xe0, VCMD = 0xe00,
       VCRSP = 0xe10, VCCAP = 0xe30,
       FRCD = 0x220, IVA = 0x500, IOTLB = 0x508 }; /* where CAP.FRO and ECAP.IRO of the programs here have them */
static const uint32_t TE = UINT32_C(1) << 31, SRTP = UINT32_C(1) << 30, QIE = UINT32_C(1) << 26;
enum { PFO = 1 << 0, PPF = 1 << 1, IQE = 1 << 4, ICE = 1 << 5, ITE = 1 << 6, QUEUE_ERRORS = 7 << 4 }; /* FSTS */
static const uint32_t IM = UINT32_C(1) << 31, IP = UINT32_C(1) << 30;                   /* FECTL, IECTL, PECTL */

/* Where everything is, from the start of memory. */
enum { AT_ROOT = 0x10000, AT_LOWER = 0x11000, AT_UPPER = 0x12000, AT_DIRECTORY = 0x13000, AT_PASIDS = 0x14000,
       AT_QUEUE = 0x20000, AT_REQUESTS = 0x30000, AT_STATUS = 0x40000, AT_TABLES = 0x60000, AT_PAGES = 0x100000 };
enum { DESCRIPTORS = 128, REQUESTS = 128, FAULTS = 4 }; /* QS=0 with DW=1; PQS=0; CAP.NFR=3 */
/* clang-format on */

typedef struct vtd {
    qsc_platform p;
    uint64_t registers, memory;
    uint64_t next_table;
    uint32_t tail;                      /* of the invalidation queue, counted in descriptors */
    uint32_t waits;                     /* what the newest wait descriptor writes */
    void (*while_waiting)(struct vtd*); /* what the host has to do meanwhile; may be null */
} vtd;

static inline uint64_t reg(vtd* v, uint32_t offset, uint32_t bytes) {
    uint64_t value = 0;
    OK(qsc_mmio_read(v->p, v->registers + offset, bytes, &value));
    return value;
}
static inline void set_reg(vtd* v, uint32_t offset, uint32_t bytes, uint64_t value) {
    OK(qsc_mmio_write(v->p, v->registers + offset, bytes, value));
}
static inline void store(vtd* v, uint64_t at, const uint64_t* words, unsigned count) {
    OK(qsc_memory_write(v->p, at, words, count * sizeof *words));
}
static inline uint64_t load(vtd* v, uint64_t at) {
    uint64_t word = 0;
    OK(qsc_memory_read(v->p, at, &word, sizeof word));
    return word;
}

/* ---- structures: 2.5, 5.2, 5.3 */

static inline void set_root(vtd* v, uint32_t bus, uint64_t low, uint64_t high) {
    const uint64_t entry[2] = {low, high};
    store(v, v->memory + AT_ROOT + 16 * (uint64_t)bus, entry, 2);
}
/* Scalable mode; devices share the one directory here, of 128 entries (PDTS=0), and have each their RID_PASID. */
static inline void set_context(vtd* v, uint32_t rid, uint64_t features, uint32_t rid_pasid) {
    const uint64_t table = v->memory + ((rid & 0x80) != 0 ? AT_UPPER : AT_LOWER);
    const uint64_t entry[4] = {1 | features | (v->memory + AT_DIRECTORY), rid_pasid, 0, 0};
    store(v, table + 32 * (uint64_t)(rid & 0x7f), entry, 4);
}
enum { DTE = 1 << 2, PASIDE = 1 << 3, PRE = 1 << 4 };

/* The directory entry over it, and the PASID entry. `domain`: DID, PWSNP; `first_stage`: FSPTPTR. */
static inline void set_pasid(vtd* v, uint32_t pasid, uint64_t low, uint64_t domain, uint64_t first_stage) {
    const uint64_t table = v->memory + AT_PASIDS, directory = table | 1;
    const uint64_t entry[8] = {low, domain, first_stage};
    store(v, v->memory + AT_DIRECTORY + 8 * (uint64_t)(pasid >> 6), &directory, 1);
    store(v, table + 64 * (uint64_t)(pasid & 63), entry, 8);
}
enum { PRESENT = 1, QUIET = 2 };                                                  /* P, FPD */
enum { FIRST_STAGE = 1 << 6, SECOND_STAGE = 2 << 6 | 2 << 2, SNOOPED = 1 << 23 }; /* PGTT, AW 48 bits; PWSNP */

static inline uint64_t new_table(vtd* v) { return v->memory + AT_TABLES + 0x1000 * v->next_table++; }

/* Of four levels. `with`: P, R/W and U/S of a first stage, R and W of a second. -> where the entry of `level` is. */
static inline uint64_t entry_of(vtd* v, uint64_t root, uint64_t va, unsigned level, uint64_t with) {
    uint64_t table = root;
    for (unsigned above = 4; above > level; --above) {
        const uint64_t slot = table + 8 * (va >> (12 + 9 * (above - 1)) & 511);
        uint64_t entry = load(v, slot);
        if (entry == 0) {
            entry = new_table(v) | with;
            store(v, slot, &entry, 1);
        }
        table = entry & ~UINT64_C(0xfff);
    }
    return table + 8 * (va >> (12 + 9 * (level - 1)) & 511);
}
enum { FIRST = 7, SECOND = 3, ACCESSED = 1 << 5, DIRTY = 1 << 6 };
/* `to` 0 takes the page away. */
static inline void map_page(vtd* v, uint64_t root, uint64_t va, uint64_t to, uint64_t with) {
    const uint64_t leaf = to == 0 ? 0 : to | with;
    store(v, entry_of(v, root, va, 1, with), &leaf, 1);
}

/* A and D of the entries over a page, as 5.2 has them: A on all levels, D where the page is. */
static inline int marks_are(vtd* v, uint64_t root, uint64_t va, uint64_t above, uint64_t leaf) {
    for (unsigned level = 4; level >= 1; --level) {
        const uint64_t marks = load(v, entry_of(v, root, va, level, FIRST)) & (ACCESSED | DIRTY);
        if (marks != (level == 1 ? leaf : above)) return 0;
    }
    return 1;
}

/* ---- commands: 2.3 */

/* One-shot bits go with the enables as GSTS shows them; what was asked for has happened when GSTS says so. */
static inline void set_global(vtd* v, uint32_t bit, int on) {
    const uint32_t enables = (uint32_t)reg(v, GSTS, 4) & (TE | QIE);
    set_reg(v, GCMD, 4, on ? enables | bit : enables & ~bit);
    while (((reg(v, GSTS, 4) & bit) != 0) != (on != 0)) qsc_relax(v->p, us);
}
enum { LEGACY = 0 << 10, SCALABLE = 1 << 10 }; /* TTM */
static inline void set_root_table(vtd* v, uint64_t mode) {
    set_reg(v, RTADDR, 8, (v->memory + AT_ROOT) | mode);
    set_global(v, SRTP, 1);
}
static inline void set_event(vtd* v, uint32_t control, uint32_t address, uint32_t data) {
    set_reg(v, control + 4, 4, data);
    set_reg(v, control + 8, 4, address);
    set_reg(v, control + 12, 4, 0);
    set_reg(v, control, 4, 0); /* IM=0 */
}

/* ---- the invalidation queue: 2.6 */

static inline uint32_t head_of(vtd* v) { return (uint32_t)reg(v, IQH, 8) >> 5; }

static inline void descriptor(vtd* v, uint64_t low, uint64_t high) {
    const uint64_t words[4] = {low, high, 0, 0};
    store(v, v->memory + AT_QUEUE + 32 * (uint64_t)v->tail, words, 4);
    v->tail = (v->tail + 1) % DESCRIPTORS;
    set_reg(v, IQT, 8, v->tail << 5);
}
/* What comes first in a descriptor: type and granularity. */
enum {
    CONTEXT_CACHE_OF_ALL = 1 | 1 << 4,
    IOTLB_OF_ALL = 2 | 1 << 4,
    PASID_CACHE_OF_ALL = 7 | 3 << 4,
    PASID_CACHE = 7 | 1 << 4,
    PASID_IOTLB = 6 | 2 << 4,
    PAGE_OF_PASID_IOTLB = 6 | 3 << 4
};
static inline uint64_t of_pasid(uint64_t what, uint64_t domain, uint64_t pasid) {
    return what | domain << 16 | pasid << 32;
}
static inline uint64_t device_tlb_of(uint64_t rid, uint64_t pasid) { return 8 | rid << 16 | pasid << 32; }
static const uint64_t everything = UINT64_C(0x7ffffffffffff800); /* ADDR, S */
static inline uint64_t response_to(uint64_t rid, uint64_t pasid, uint64_t code) {
    return 9 | 1 << 4 | code << 12 | rid << 16 | pasid << 32;
}
static inline uint64_t wait_that_writes(vtd* v) { return 5 | 1 << 5 | (uint64_t)++v->waits << 32; }
static inline uint64_t wait_that_interrupts(void) { return 5 | 1 << 4; }

static inline int written(vtd* v) { return (uint32_t)load(v, v->memory + AT_STATUS) == v->waits; }
/* A wait descriptor, and the wait for what it writes; false if the queue has an error. */
static inline int synchronise(vtd* v) {
    descriptor(v, wait_that_writes(v), v->memory + AT_STATUS);
    while (!written(v)) {
        if ((reg(v, FSTS, 4) & QUEUE_ERRORS) != 0) return 0;
        if (v->while_waiting != NULL) v->while_waiting(v);
        qsc_relax(v->p, us);
    }
    return 1;
}

/* ---- what the unit tells: 2.4, 2.8 */

typedef struct fault {
    uint64_t page;
    uint32_t sid, reason, pasid;
    int has_pasid, read;
} fault;

/* Takes the records that there are, from FRI on, and clears them, then the overflow. -> how many */
static inline unsigned take_faults(vtd* v, fault* into) {
    unsigned index = reg(v, FSTS, 4) >> 8 & 0xff, count = 0;
    for (; count < FAULTS; ++count, index = (index + 1) % FAULTS) {
        const uint64_t high = reg(v, FRCD + 16 * index + 8, 8);
        if (high >> 63 == 0) break;
        into[count].page = reg(v, FRCD + 16 * index, 8);
        into[count].sid = high & 0xffff;
        into[count].reason = high >> 32 & 0xff;
        into[count].pasid = high >> 40 & 0xfffff;
        into[count].has_pasid = (high >> 31 & 1) != 0;
        into[count].read = (high >> 62 & 1) != 0 && (high >> 28 & 1) == 0; /* T1, T2 */
        set_reg(v, FRCD + 16 * index + 8, 8, UINT64_C(1) << 63);
    }
    set_reg(v, FSTS, 4, PFO);
    return count;
}
static inline int is_fault(const fault* f, uint32_t sid, uint32_t reason, uint64_t page, int read) {
    return f->sid == sid && f->reason == reason && f->page == page && f->read == read;
}
/* The oldest page request, 32 bytes; false if there is none. */
static inline int next_page_request(vtd* v, uint64_t record[4]) {
    const uint64_t head = reg(v, PQH, 8);
    if (reg(v, PQT, 8) == head) return 0;
    OK(qsc_memory_read(v->p, v->memory + AT_REQUESTS + head, record, 32));
    set_reg(v, PQH, 8, (head + 32) % (32 * REQUESTS));
    return 1;
}
static inline void expect_message(vtd* v, uint32_t address, uint32_t data) {
    qsc_interrupt i = {.size = sizeof i};
    OK(qsc_wait_news(v->p, QSC_NEWS_INTERRUPT, 100 * us, NULL));
    OK(qsc_interrupt_next(v->p, &i));
    CHECK(i.kind == QSC_INTERRUPT_MESSAGE && i.address == address && i.data == data);
}
static inline void expect_no_message(vtd* v) {
    CHECK(qsc_wait_news(v->p, QSC_NEWS_INTERRUPT, 5 * us, NULL) == QSC_PENDING);
}

/* 2.10. -> VCRSP, once IP is 0 */
static inline uint64_t virtual_command(vtd* v, uint64_t operation) {
    set_reg(v, VCMD, 8, operation);
    uint64_t response = 1;
    while (((response = reg(v, VCRSP, 8)) & 1) != 0) qsc_relax(v->p, us);
    return response;
}

/* ---- the unit of these programs, and its bounds */

static const uint64_t registers_at = UINT64_C(0xd1000000), memory_at = UINT64_C(0x80000000), memory_bytes = 0x1000000,
                      messages_at = 0xfee00000;
/* ND 16 bits, SAGAW 39 and 48 bits, MGAW 48, FRO 0x220, PSI, NFR 4, MAMV 9, DWD, DRD. */
static const uint64_t cap = UINT64_C(0x00c90380222f0606);
/* C, QI, DT, IRO 0x500, PRS, PSS 20 bits, PASID, PDS, SMTS, VCS, SSTS, FSTS, SMPWCS, RPS, SMS. */
static const uint64_t ecap = UINT64_C(0x0403dd9820005007);

/* `host`: memory of the program; null: the simulator's. */
static inline void create(vtd* v, uint64_t version, const qsc_host_memory* host) {
    static const char* const settings[] = {"platform.iommu.kind=vtd", "platform.root_complex.stream_base=0",
                                           "platform.root_complex.invalidate_timeout=50us"};
    const qsc_id_register ids[] = {{"VER", version}, {"CAP", cap}, {"ECAP", ecap}, {"HAW", 46}};
    qsc_config c;
    memset(&c, 0, sizeof c);
    c.size = sizeof c;
    c.preset = "server";
    c.settings = settings;
    c.setting_count = 3;
    c.ids = ids;
    c.id_count = 4;
    c.iommu_base = registers_at;
    if (host == NULL) {
        c.memory_base = memory_at;
        c.memory_bytes = memory_bytes;
    } else {
        c.host_memory = host;
    }
    c.message_base = messages_at;
    c.message_bytes = 0x100000;
    memset(v, 0, sizeof *v);
    OK(qsc_create(&c, &v->p));
    v->registers = registers_at;
    v->memory = memory_at;
}
static inline void expect_untranslated(vtd* v, uint32_t rid) {
    uint32_t word = 0x12345678, back = 0;
    const qsc_dma_result r = do_dma(v->p, dma_of(rid, v->memory + AT_PAGES + 0x40, 4, QSC_WRITE), &word);
    CHECK(r.ending == QSC_DONE && r.bytes == 4 && r.physical == v->memory + AT_PAGES + 0x40);
    OK(qsc_memory_read(v->p, v->memory + AT_PAGES + 0x40, &back, 4));
    CHECK(back == word);
}
static inline void look_at_reset(vtd* v, uint64_t version, uint32_t rid) {
    CHECK(reg(v, VER, 4) == version && reg(v, CAP, 8) == cap && reg(v, ECAP, 8) == ecap);
    CHECK(reg(v, CAP + 4, 4) == cap >> 32); /* in halves, too */
    CHECK(reg(v, GSTS, 4) == 0 && reg(v, FSTS, 4) == 0 && reg(v, IQH, 8) == 0);
    CHECK(reg(v, FECTL, 4) == IM && reg(v, IECTL, 4) == IM && reg(v, PECTL, 4) == IM);
    CHECK(reg(v, VER, 2) == 0);  /* a size that the registers do not take */
    expect_untranslated(v, rid); /* TE=0 */
}
static inline void leave(vtd* v, uint32_t rid) {
    const qsc_platform was = v->p;
    uint64_t now;
    expect_untranslated(v, rid);
    while (qsc_relax(v->p, us) == QSC_OK) continue; /* nothing goes on by itself */
    OK(qsc_destroy(v->p));
    CHECK(qsc_time(was, &now) == QSC_ERR_HANDLE);
}

#endif
