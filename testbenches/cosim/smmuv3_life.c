/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SMMUv3 from reset to teardown, driven from C: bring-up, translation, fault, stall, translation cache, page
 * request, recovery of the command queue, and the end. Once more with everything as before, and once with memory that
 * this program keeps: each takes the same time to the picosecond.
 */
#include "smmuv3_host.h"

enum { ACCELERATOR = 3, DISPLAY = 5 }; /* one with ATS and PRI and PASIDs; one that is no PCI function and can wait */
static const uint64_t registers_at = UINT64_C(0x2b400000), memory_at = UINT64_C(0x80000000), memory_bytes = 0x1000000,
                      messages_at = 0x08080000, here = UINT64_C(0x7f1234567000);
static const uint32_t pasid = 1;

static uint64_t pasid_root, display_root;

/* ---- chapters */

static void create(smmu* s, const qsc_host_memory* host) {
    static const char* const settings[] = {"platform.iommu.smmuv3.stall_model=optional",
                                           "platform.root_complex.stream_base=0"};
    static const qsc_id_register ids[] = {{"IIDR", 0x4832143b}};
    qsc_config c;
    memset(&c, 0, sizeof c);
    c.size = sizeof c;
    c.preset = "server";
    c.settings = settings;
    c.setting_count = 2;
    c.ids = ids;
    c.id_count = 1;
    c.iommu_base = registers_at;
    if (host == NULL) {
        c.memory_base = memory_at;
        c.memory_bytes = memory_bytes;
    } else {
        c.host_memory = host;
    }
    c.message_base = messages_at;
    c.message_bytes = 0x10000;
    memset(s, 0, sizeof *s);
    OK(qsc_create(&c, &s->p));
    s->registers = registers_at;
    s->memory = memory_at;
}

static void look_at_reset(smmu* s) {
    uint64_t now = 1;
    OK(qsc_time(s->p, &now));
    CHECK(now == 0);
    CHECK(reg(s, CR0, 4) == 0 && reg(s, CR0ACK, 4) == 0);
    CHECK((reg(s, IDR0, 4) >> 1 & 1) == 1);  /* S1P */
    CHECK((reg(s, IDR0, 4) >> 24 & 3) == 0); /* STALL_MODEL */
    CHECK(reg(s, IIDR, 4) == 0x4832143b);
    OK(qsc_time(s->p, &now));
    CHECK(now > 0);              /* register accesses take time */
    CHECK(reg(s, IDR0, 2) == 0); /* a size that the registers do not take */
    /* 1.1.2: with SMMUEN=0 addresses go through as they are. */
    uint32_t word = 0x12345678, back = 0;
    qsc_dma_result r = do_dma(s->p, dma_of(ACCELERATOR, memory_at + AT_PAGES, 4, QSC_WRITE), &word);
    CHECK(r.ending == QSC_DONE && r.bytes == 4 && r.physical == memory_at + AT_PAGES);
    OK(qsc_memory_read(s->p, memory_at + AT_PAGES, &back, 4));
    CHECK(back == word);
}

static void make_tables(smmu* s) {
    const uint64_t contexts = s->memory + AT_CONTEXTS, display_context = contexts + 0x1000;
    pasid_root = new_table(s);
    display_root = new_table(s);
    map_page(s, pasid_root, here, s->memory + AT_PAGES);
    set_context(s, contexts + 64 * pasid, pasid_root, 7, 0);
    set_context(s, display_context, display_root, 8, 1);
    set_stream(s, ACCELERATOR, contexts, 4, 1);
    set_stream(s, DISPLAY, display_context, 0, 0);
}

static qsc_dma_request with_pasid(uint64_t at, uint32_t bytes, uint32_t flags) {
    qsc_dma_request r = dma_of(ACCELERATOR, at, bytes, flags | QSC_PASID);
    r.pasid = pasid;
    return r;
}

static void translate(smmu* s) {
    char text[16] = "through a table", back[16] = "";
    uint64_t begun, middle;
    OK(qsc_time(s->p, &begun));
    qsc_dma_result r = do_dma(s->p, with_pasid(here + 0x10, 16, QSC_WRITE), text);
    CHECK(r.ending == QSC_DONE && r.physical == s->memory + AT_PAGES + 0x10);
    OK(qsc_time(s->p, &middle));
    CHECK(r.ended_ps == middle);
    r = do_dma(s->p, with_pasid(here + 0x10, 16, 0), back);
    CHECK(r.ending == QSC_DONE && memcmp(text, back, 16) == 0);
    CHECK(r.ended_ps - middle < middle - begun); /* no walk the second time */
}

static void fault(smmu* s) {
    uint32_t word = 0;
    qsc_dma_result r = do_dma(s->p, with_pasid(here + 0x1000, 4, 0), &word);
    CHECK(r.ending == QSC_REFUSED && r.bytes == 0);
    uint32_t news = 0;
    OK(qsc_wait_news(s->p, QSC_NEWS_INTERRUPT, 100 * us, &news));
    qsc_interrupt i = {.size = sizeof i};
    OK(qsc_interrupt_next(s->p, &i));
    CHECK(i.kind == QSC_INTERRUPT_MESSAGE && i.address == messages_at + 0x40 && i.data == 0xe0);
    CHECK(qsc_interrupt_next(s->p, &i) == QSC_EMPTY);
    uint64_t event[4];
    CHECK(next_event(s, event));
    CHECK((event[0] & 0xff) == 0x10);                                        /* F_TRANSLATION */
    CHECK((event[0] >> 11 & 1) == 1 && (event[0] >> 12 & 0xfffff) == pasid); /* SSV, SubstreamID */
    CHECK(event[0] >> 32 == ACCELERATOR && event[2] == here + 0x1000);
    CHECK(!next_event(s, event));
}

/* A request that waits for software, which answers while it is under way. */
static void stall(smmu* s) {
    uint32_t word = 0, there = 0x5ca1ab1e;
    qsc_operation op, late = 0;
    qsc_dma_result r = {.size = sizeof r};
    qsc_interrupt i = {.size = sizeof i};
    uint64_t event[4];
    const qsc_dma_request read = dma_of(DISPLAY, here, 4, QSC_MAY_WAIT);
    OK(qsc_memory_write(s->p, s->memory + AT_PAGES + 0x2000, &there, 4));
    OK(qsc_dma_start(s->p, &read, &op));
    OK(qsc_wait_news(s->p, QSC_NEWS_INTERRUPT, 100 * us, NULL));
    OK(qsc_interrupt_next(s->p, &i));
    CHECK(qsc_dma_poll(s->p, op, &word, &r) == QSC_PENDING);
    CHECK(qsc_wait(s->p, op, 10 * us) == QSC_PENDING);
    CHECK(next_event(s, event));
    CHECK((event[0] & 0xff) == 0x10 && event[0] >> 32 == DISPLAY && (event[1] >> 31 & 1) == 1); /* Stall */
    map_page(s, display_root, here, s->memory + AT_PAGES + 0x2000);
    command(s, 0x44 | 1 << 12 | (uint64_t)DISPLAY << 32, event[1] & 0xffff); /* CMD_RESUME, Ac: retry */
    CHECK(synchronise(s));
    OK(qsc_wait(s->p, op, 100 * us));
    OK(qsc_dma_poll(s->p, op, &word, &r));
    CHECK(r.ending == QSC_DONE && word == there);
    CHECK(qsc_dma_poll(s->p, op, &word, &r) == QSC_ERR_HANDLE); /* a result is fetched once */

    /* The blocking form gives up in time and leaves the operation to be polled; CMD_RESUME aborts this one. */
    const qsc_dma_request beyond = dma_of(DISPLAY, here + 0x1000, 4, QSC_MAY_WAIT);
    CHECK(qsc_dma(s->p, &beyond, 20 * us, &word, &r, &late) == QSC_PENDING);
    OK(qsc_interrupt_next(s->p, &i));
    CHECK(next_event(s, event));
    command(s, 0x44 | 1 << 13 | (uint64_t)DISPLAY << 32, event[1] & 0xffff); /* Ab: abort */
    CHECK(synchronise(s));
    OK(qsc_wait(s->p, late, 100 * us));
    OK(qsc_dma_poll(s->p, late, &word, &r));
    CHECK(r.ending == QSC_REFUSED);
}

static void page_request(smmu* s) {
    const uint64_t wanted = here + 0x3000;
    qsc_translation got[4];
    OK(qsc_device_set(s->p, ACCELERATOR, QSC_DEVICE_ATS | QSC_DEVICE_PRI));
    CHECK(ask(s->p, ACCELERATOR, pasid, wanted, 1, got).status == QSC_ATS_SUCCESS && is_empty(got));

    ask_for_page(s->p, ACCELERATOR, pasid, wanted, QSC_READ | QSC_WRITE | QSC_LAST, 0x155);
    OK(qsc_wait_news(s->p, QSC_NEWS_INTERRUPT, 100 * us, NULL));
    qsc_interrupt i = {.size = sizeof i};
    OK(qsc_interrupt_next(s->p, &i));
    CHECK(i.kind == QSC_INTERRUPT_LINE && i.line == QSC_SMMUV3_PRIQ);
    uint64_t record[2];
    CHECK(next_page_request(s, record));
    CHECK((uint32_t)record[0] == ACCELERATOR && (record[0] >> 32 & 0xfffff) == pasid);
    CHECK((record[0] >> 60) == 0xf); /* SSV, L, W, R */
    CHECK((record[1] & 0x1ff) == 0x155 && (record[1] & ~UINT64_C(0xfff)) == wanted);

    map_page(s, pasid_root, wanted, s->memory + AT_PAGES + 0x3000);
    command(s, 0x41 | 1 << 11 | (uint64_t)pasid << 12 | (uint64_t)ACCELERATOR << 32,
            0x155 | 2 << 12); /* CMD_PRI_RESP */
    OK(qsc_wait_news(s->p, QSC_NEWS_PAGE_RESPONSE, 100 * us, NULL));
    qsc_page_response answer = {.size = sizeof answer};
    OK(qsc_page_response_next(s->p, &answer));
    CHECK(answer.requester == ACCELERATOR && answer.group == 0x155 && answer.code == QSC_RESPONSE_SUCCESS);

    CHECK(ask(s->p, ACCELERATOR, pasid, wanted, 4, got).entries == 1); /* the page after it has none */
    CHECK(got[0].address == s->memory + AT_PAGES + 0x3000 && got[0].bytes == 0x1000);
    CHECK((got[0].flags & (QSC_READ | QSC_WRITE)) == (QSC_READ | QSC_WRITE));
    CHECK((got[0].word & ~UINT64_C(0xfff)) == got[0].address && (got[0].word & 3) == 3);
    uint32_t word = 77;
    const qsc_dma_result r = do_dma(s->p, dma_of(ACCELERATOR, got[0].address, 4, QSC_WRITE | QSC_TRANSLATED), &word);
    CHECK(r.ending == QSC_DONE && r.physical == got[0].address);
}

static unsigned invalidations_seen;
static void answer_invalidations(smmu* s) {
    qsc_invalidation i = {.size = sizeof i};
    while (qsc_invalidation_next(s->p, &i) == QSC_OK) {
        CHECK(i.requester == ACCELERATOR && i.address == here + 0x3000 && i.bytes == 0x1000);
        CHECK(i.flags == QSC_PASID && i.pasid == pasid);
        OK(qsc_invalidation_complete(s->p, i.tag));
        CHECK(qsc_invalidation_complete(s->p, i.tag) == QSC_ERR_ARGUMENT);
        ++invalidations_seen;
    }
}

/* 1.5: tables, TLB, fence, then the device's cache and the fence that waits for it. */
static void take_page_away(smmu* s) {
    const uint64_t gone = here + 0x3000;
    map_page(s, pasid_root, gone, 0);
    command(s, 0x12 | UINT64_C(7) << 48, gone | 1); /* TLBI_NH_VA, Leaf */
    CHECK(synchronise(s));
    s->while_waiting = answer_invalidations;
    invalidations_seen = 0;
    command(s, 0x40 | 1 << 11 | (uint64_t)pasid << 12 | (uint64_t)ACCELERATOR << 32, gone); /* CMD_ATC_INV, 4 KiB */
    CHECK(synchronise(s));
    s->while_waiting = NULL;
    CHECK(invalidations_seen == 1);
    uint32_t word;
    CHECK(do_dma(s->p, with_pasid(gone, 4, 0), &word).ending == QSC_REFUSED);
    uint64_t event[4];
    CHECK(next_event(s, event));
}

/* 1.6.1: an illegal command stops the queue; software puts another in its place and acknowledges. */
static void recover(smmu* s) {
    const uint32_t bad = s->commands;
    const uint64_t nothing[2] = {0x46, 0};
    command(s, 0xff, 0);
    CHECK(!synchronise(s));
    CHECK((reg(s, CMDQ_CONS, 4) >> 24) == 1 && (reg(s, CMDQ_CONS, 4) & 0xfffff) == bad); /* CERROR_ILL */
    store(s, s->memory + AT_COMMANDS + 16 * slot_of(bad), nothing, 2);
    set_reg(s, GERRORN, 4, reg(s, GERROR, 4));
    CHECK(synchronise(s));
}

static void tear_down(smmu* s) {
    const qsc_platform was = s->p;
    uint64_t now;
    uint32_t word;
    set_reg(s, GBPA, 4, UINT32_C(1) << 31 | 1 << 20); /* Update, ABORT */
    while ((reg(s, GBPA, 4) >> 31) != 0) qsc_relax(s->p, us);
    set_cr0(s, 0);
    CHECK(do_dma(s->p, with_pasid(here, 4, 0), &word).ending == QSC_REFUSED);
    while (qsc_relax(s->p, us) == QSC_OK) continue; /* nothing goes on by itself */
    OK(qsc_destroy(s->p));
    CHECK(qsc_time(was, &now) == QSC_ERR_HANDLE);
    CHECK(strlen(qsc_last_error()) != 0);
}

static uint64_t live(const qsc_host_memory* host) {
    smmu s;
    uint64_t now = 0;
    create(&s, host);
    look_at_reset(&s);
    make_tables(&s);
    bring_up(&s, messages_at + 0x40);
    translate(&s);
    fault(&s);
    stall(&s);
    page_request(&s);
    take_page_away(&s);
    recover(&s);
    OK(qsc_time(s.p, &now));
    tear_down(&s);
    return now;
}

int main(void) { return same_each_time(live, memory_at, memory_bytes); }
