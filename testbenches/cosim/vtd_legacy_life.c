/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VT-d unit in legacy mode from reset to teardown, driven from C: context entries with a second stage each, and
 * invalidation by registers, which there is with the queue off (and with VER below 6).
 */
#include "vtd_host.h"

enum { DISK = 0x0308, NETWORK = 0x03f0 }; /* requester ids */
static const uint64_t page = UINT64_C(0x12345000), domain = 0x11;
static uint64_t disk_root;

/* 2.5: one context table for a bus. TT=00; AW 48 bits; the network device's entry is not present and quiet. */
static void make_tables(vtd* v) {
    const uint64_t contexts = v->memory + AT_LOWER;
    disk_root = new_table(v);
    const uint64_t disk[2] = {1 | disk_root, 2 | domain << 8}, quiet[2] = {2, 0};
    set_root(v, DISK >> 8, contexts | 1, 0);
    store(v, contexts + 16 * (DISK & 0xff), disk, 2);
    store(v, contexts + 16 * (NETWORK & 0xff), quiet, 2);
    map_page(v, disk_root, page, v->memory + AT_PAGES, SECOND);
}

/* The command with its busy bit; -> what was done, as CAIG and IAIG say. */
static uint64_t context_command(vtd* v, uint64_t granularity, uint64_t sid) {
    uint64_t value = UINT64_C(1) << 63 | granularity << 61 | sid << 16 | domain;
    set_reg(v, CCMD, 8, value);
    while ((value = reg(v, CCMD, 8)) >> 63 != 0) qsc_relax(v->p, us);
    return value >> 59 & 3;
}
static uint64_t iotlb_command(vtd* v, uint64_t granularity, uint64_t address) {
    uint64_t value = UINT64_C(1) << 63 | granularity << 60 | UINT64_C(3) << 48 | domain << 32; /* IVT, DR, DW, DID */
    set_reg(v, IVA, 8, address);
    set_reg(v, IOTLB, 8, value);
    while ((value = reg(v, IOTLB, 8)) >> 63 != 0) qsc_relax(v->p, us);
    return value >> 57 & 3;
}

static void bring_up(vtd* v) {
    set_root_table(v, LEGACY);
    CHECK(context_command(v, 1, 0) == 1);
    CHECK(iotlb_command(v, 1, 0) == 1);
    set_event(v, FECTL, 0xfee01000, 0x31);
    set_global(v, TE, 1);
    CHECK(reg(v, GSTS, 4) == (TE | SRTP));
}

static void translate(vtd* v) {
    uint32_t word = 0xcafe, back = 0;
    CHECK(do_dma(v->p, dma_of(DISK, page + 8, 4, QSC_WRITE), &word).physical == v->memory + AT_PAGES + 8);
    CHECK(do_dma(v->p, dma_of(DISK, page + 8, 4, 0), &back).ending == QSC_DONE && back == word);
}

static void expect_fault(vtd* v, qsc_dma_request r, uint32_t reason) {
    fault faults[FAULTS];
    uint32_t word = 0;
    CHECK(do_dma(v->p, r, &word).ending == QSC_REFUSED);
    expect_message(v, 0xfee01000, 0x31);
    CHECK(take_faults(v, faults) == 1);
    CHECK(faults[0].sid == r.requester && faults[0].reason == reason);
    CHECK(faults[0].page == (r.address & ~UINT64_C(0xfff)) && faults[0].read == !(r.flags & QSC_WRITE));
}

static void fail(vtd* v) {
    uint32_t word = 0;
    qsc_dma_request r = dma_of(DISK, page, 4, QSC_PASID);
    r.pasid = 5;
    expect_fault(v, r, 0x31);                                        /* RTA.2: PASID */
    expect_fault(v, dma_of(DISK, page + 0x1000, 4, 0), 0x6);         /* LGN.3: no read permission */
    expect_fault(v, dma_of(DISK, page + 0x1000, 4, QSC_WRITE), 0x5); /* LGN.2 */
    expect_fault(v, dma_of(DISK, UINT64_C(1) << 48, 4, 0), 0x4);     /* LGN.1: beyond AW */
    expect_fault(v, dma_of(DISK + 0x100, page, 4, 0), 0x1);          /* LRT.2: no such bus */
    expect_fault(v, dma_of(DISK, page, 4, QSC_TRANSLATED), 0xd);     /* LCT.5: TT=00 */
    CHECK(do_dma(v->p, dma_of(NETWORK, page, 4, 0), &word).ending == QSC_REFUSED);
    expect_no_message(v); /* LCT.2, with FPD */
    CHECK((reg(v, FSTS, 4) & 0xff) == 0);
}

/* 2.3: IVT, IAIG; then the context, and its domain's translations with it. With the queue on it is incorrect. */
static void invalidate(vtd* v) {
    const uint64_t none[2] = {0, 0};
    uint32_t word;
    map_page(v, disk_root, page, 0, SECOND);
    CHECK(do_dma(v->p, dma_of(DISK, page, 4, 0), &word).ending == QSC_DONE); /* the IOTLB has it yet */
    CHECK(iotlb_command(v, 3, page) == 3);                                   /* page in domain */
    expect_fault(v, dma_of(DISK, page, 4, 0), 0x6);
    map_page(v, disk_root, page, v->memory + AT_PAGES, SECOND);
    CHECK(iotlb_command(v, 2, 0) == 2);
    translate(v);
    store(v, v->memory + AT_LOWER + 16 * (DISK & 0xff), none, 2);
    CHECK(do_dma(v->p, dma_of(DISK, page, 4, 0), &word).ending == QSC_DONE);
    CHECK(context_command(v, 3, DISK) == 3);
    CHECK(iotlb_command(v, 2, 0) == 2);
    expect_fault(v, dma_of(DISK, page, 4, 0), 0x2); /* LCT.2 */
    set_reg(v, IQA, 8, v->memory + AT_QUEUE);
    set_global(v, QIE, 1);
    CHECK(iotlb_command(v, 1, 0) == 0 && context_command(v, 1, 0) == 0);
    set_global(v, QIE, 0);
}

static uint64_t live(const qsc_host_memory* host) {
    vtd v;
    uint64_t now = 0;
    create(&v, 0x50, host);
    look_at_reset(&v, 0x50, DISK);
    make_tables(&v);
    bring_up(&v);
    translate(&v);
    fail(&v);
    invalidate(&v);
    set_global(&v, TE, 0);
    OK(qsc_time(v.p, &now));
    leave(&v, DISK);
    return now;
}

int main(void) { return same_each_time(live, memory_at, memory_bytes); }
