/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VT-d unit in scalable mode from reset to teardown, driven from C: bring-up with the invalidation queue,
 * translation, faults and their records, page request, device-TLBs that answer and one that does not, recovery of the
 * queue, a quiet PASID, PASIDs by command, and the end. Once more with everything as before, and once with memory that
 * this program keeps: each takes the same time to the picosecond.
 */
#include "vtd_host.h"

/* Requester ids: one with a device-TLB, page requests and PASIDs, and one without. The first is in an upper table. */
enum { ACCELERATOR = 0x0390, DISK = 0x0308, DISK_PASID = 9 };
static const uint64_t here = UINT64_C(0x7f1234567000), disk_page = UINT64_C(0x12345000);
static const uint32_t pasid = 0x105, domain = 7, disk_domain = 8;
static const uint32_t fault_at = 0xfee01000, wait_at = 0xfee02000, request_at = 0xfee03000;
enum { FAULT_DATA = 0x31, WAIT_DATA = 0x32, REQUEST_DATA = 0x33 };

static uint64_t pasid_root, disk_root;

static void make_tables(vtd* v) {
    set_root(v, ACCELERATOR >> 8, (v->memory + AT_LOWER) | 1, (v->memory + AT_UPPER) | 1);
    set_context(v, ACCELERATOR, DTE | PASIDE | PRE, 0);
    set_context(v, DISK, 0, DISK_PASID);
    pasid_root = new_table(v);
    disk_root = new_table(v);
    map_page(v, pasid_root, here, v->memory + AT_PAGES, FIRST);
    map_page(v, disk_root, disk_page, v->memory + AT_PAGES + 0x2000, SECOND);
    set_pasid(v, pasid, PRESENT | FIRST_STAGE, domain | SNOOPED, pasid_root);
    set_pasid(v, DISK_PASID, PRESENT | SECOND_STAGE | disk_root, disk_domain | SNOOPED, 0);
}

/* As Linux does it: the queue, the root, caches emptied in their order, events, and only then TE. */
static void bring_up(vtd* v) {
    set_reg(v, IQT, 8, 0);
    set_reg(v, IQA, 8, (v->memory + AT_QUEUE) | 1 << 11); /* DW, QS=0 */
    set_global(v, QIE, 1);
    set_root_table(v, SCALABLE);
    descriptor(v, CONTEXT_CACHE_OF_ALL, 0);
    descriptor(v, PASID_CACHE_OF_ALL, 0);
    descriptor(v, IOTLB_OF_ALL, 0);
    CHECK(synchronise(v));
    CHECK(head_of(v) == 4);
    set_event(v, FECTL, fault_at, FAULT_DATA);
    set_event(v, IECTL, wait_at, WAIT_DATA);
    set_reg(v, PQH, 8, 0);
    set_reg(v, PQA, 8, v->memory + AT_REQUESTS);
    set_event(v, PECTL, request_at, REQUEST_DATA);
    set_global(v, TE, 1);
    CHECK(reg(v, GSTS, 4) == (TE | SRTP | QIE));
}

static qsc_dma_request with_pasid(uint64_t at, uint32_t bytes, uint32_t flags) {
    qsc_dma_request r = dma_of(ACCELERATOR, at, bytes, flags | QSC_PASID);
    r.pasid = pasid;
    return r;
}
static void translate(vtd* v) {
    char text[16] = "through a table", back[16] = "";
    uint64_t begun, middle;
    CHECK(marks_are(v, pasid_root, here, 0, 0));
    OK(qsc_time(v->p, &begun));
    qsc_dma_result r = do_dma(v->p, with_pasid(here + 0x10, 16, 0), back);
    CHECK(r.ending == QSC_DONE && r.physical == v->memory + AT_PAGES + 0x10);
    OK(qsc_time(v->p, &middle));
    CHECK(r.ended_ps == middle);
    CHECK(marks_are(v, pasid_root, here, ACCESSED, ACCESSED));
    CHECK(do_dma(v->p, with_pasid(here + 0x10, 16, QSC_WRITE), text).ending == QSC_DONE);
    CHECK(marks_are(v, pasid_root, here, ACCESSED, ACCESSED | DIRTY));
    OK(qsc_time(v->p, &begun));
    r = do_dma(v->p, with_pasid(here + 0x10, 16, 0), back);
    CHECK(r.ending == QSC_DONE && memcmp(text, back, 16) == 0);
    CHECK(r.ended_ps - begun < middle); /* no walk any more */
    /* Without a PASID the function has that of its context entry, which is a second stage here. */
    r = do_dma(v->p, dma_of(DISK, disk_page + 8, 4, QSC_WRITE), text);
    CHECK(r.ending == QSC_DONE && r.physical == v->memory + AT_PAGES + 0x2008);
}

static void fail(vtd* v) {
    uint32_t word = 0;
    fault faults[FAULTS];
    qsc_dma_result r = do_dma(v->p, with_pasid(here + 0x1234, 4, 0), &word);
    CHECK(r.ending == QSC_REFUSED && r.bytes == 0);
    expect_message(v, fault_at, FAULT_DATA);
    CHECK(reg(v, FSTS, 4) == PPF); /* FRI=0 */
    /* Without a message: PPF is set already. */
    CHECK(do_dma(v->p, dma_of(DISK, disk_page + 0x1000, 4, QSC_WRITE), &word).ending == QSC_REFUSED);
    expect_no_message(v);
    CHECK(take_faults(v, faults) == 2);
    CHECK(is_fault(&faults[0], ACCELERATOR, 0x71, here + 0x1000, 1)); /* SFS.2: an entry is not present */
    CHECK(faults[0].has_pasid && faults[0].pasid == pasid);
    CHECK(is_fault(&faults[1], DISK, 0x79, disk_page + 0x1000, 0)); /* SSS.2 */
    CHECK(!faults[1].has_pasid);
    CHECK((reg(v, FSTS, 4) & 0xff) == 0);
}

/* More faults than records, while the message is masked: it waits, and comes with IM=0. */
static void overflow(vtd* v) {
    uint32_t word = 0;
    fault faults[FAULTS];
    set_reg(v, FECTL, 4, IM);
    CHECK(reg(v, FECTL, 4) == IM); /* it is there before the requests are */
    for (unsigned n = 0; n <= FAULTS; ++n) {
        qsc_dma_request r = with_pasid(here, 4, 0);
        r.pasid = n == 0 ? 0 : 0x2000 + n; /* that of its context entry, which no request may have; beyond PDTS */
        CHECK(do_dma(v->p, r, &word).ending == QSC_REFUSED);
    }
    expect_no_message(v);
    CHECK(reg(v, FECTL, 4) == (IM | IP));
    CHECK(reg(v, FSTS, 4) == (PFO | PPF | 2 << 8)); /* FRI: there were two before */
    set_reg(v, FECTL, 4, 0);
    expect_message(v, fault_at, FAULT_DATA);
    CHECK(reg(v, FECTL, 4) == 0);
    CHECK(take_faults(v, faults) == FAULTS);
    CHECK(is_fault(&faults[0], ACCELERATOR, 0x48, here, 1)); /* SCT.9 */
    for (unsigned n = 1; n < FAULTS; ++n) {
        CHECK(is_fault(&faults[n], ACCELERATOR, 0x46, here, 1)); /* SCT.7 */
        CHECK(faults[n].pasid == 0x2000 + n);
    }
    CHECK((reg(v, FSTS, 4) & 0xff) == 0);
}

/* Marks are set with PWSNP only (SFS.9); where they are, nothing is to be set. */
static void translate_unsnooped(vtd* v) {
    uint32_t word = 0;
    fault faults[FAULTS];
    qsc_dma_request r = with_pasid(here, 4, 0);
    r.pasid = pasid + 1;
    set_pasid(v, r.pasid, PRESENT | FIRST_STAGE, domain, pasid_root);
    CHECK(do_dma(v->p, r, &word).ending == QSC_DONE);
    map_page(v, pasid_root, here + 0x12000, v->memory + AT_PAGES, FIRST);
    r.address += 0x12000;
    CHECK(do_dma(v->p, r, &word).ending == QSC_REFUSED);
    expect_message(v, fault_at, FAULT_DATA);
    CHECK(take_faults(v, faults) == 1 && is_fault(&faults[0], ACCELERATOR, 0x90, r.address, 1));
}

/* 2.7, a row each; pages that the entries say, of tables that lie over `here`. */
static void judge(vtd* v) {
    const struct {
        uint64_t at;
        uint32_t flags, reason;
    } cases[] = {
        {here + 0x14000, QSC_WRITE, 0x85},              /* SGN.6: no R/W */
        {here + 0x15000, 0, 0x81},                      /* SGN.2: no U/S */
        {here + 0x16000, 0, 0x72},                      /* SFS.3: an address beyond HAW */
        {here + 0x17000, QSC_WRITE, 0x87},              /* SGN.8: to interrupt messages */
        {here, QSC_PRIVILEGED, 0x5d},                   /* SPT.6: SRE=0 */
        {here, QSC_EXECUTE, 0x5c},                      /* SPT.5: ERS=0 */
        {UINT64_C(1) << 47, 0, 0x80},                   /* SGN.1: not canonical */
        {messages_at, QSC_WRITE, 0x71},                 /* with a PASID it is an address as any */
        {UINT64_C(1) << 46, QSC_TRANSLATED, 0x83},      /* SGN.4: beyond HAW */
        {messages_at, QSC_TRANSLATED | QSC_WRITE, 0x87} /* SGN.8 */
    };
    map_page(v, pasid_root, here + 0x14000, v->memory + AT_PAGES, PRESENT | 1 << 2);
    map_page(v, pasid_root, here + 0x15000, v->memory + AT_PAGES, PRESENT | 1 << 1);
    map_page(v, pasid_root, here + 0x16000, UINT64_C(1) << 46, FIRST);
    map_page(v, pasid_root, here + 0x17000, messages_at, FIRST);
    for (unsigned n = 0; n < sizeof cases / sizeof *cases; ++n) {
        uint32_t word = 0;
        fault faults[FAULTS];
        qsc_dma_request r = with_pasid(cases[n].at, 4, cases[n].flags);
        if ((r.flags & QSC_TRANSLATED) != 0) r = dma_of(ACCELERATOR, cases[n].at, 4, cases[n].flags);
        CHECK(do_dma(v->p, r, &word).ending == QSC_REFUSED);
        expect_message(v, fault_at, FAULT_DATA);
        CHECK(take_faults(v, faults) == 1);
        CHECK(is_fault(&faults[0], ACCELERATOR, cases[n].reason, cases[n].at, (r.flags & QSC_WRITE) == 0));
    }
}

/* Untranslated writes to FEEx_xxxx are interrupt messages of devices; no table has a say. */
static void device_interrupt(vtd* v) {
    uint32_t data = 0x4021;
    CHECK(do_dma(v->p, dma_of(DISK, messages_at + 0x4000, 4, QSC_WRITE), &data).ending == QSC_DONE);
    expect_message(v, (uint32_t)messages_at + 0x4000, data);
}

static void expect_response(vtd* v, uint32_t group, uint32_t code) {
    qsc_page_response answer = {.size = sizeof answer};
    OK(qsc_wait_news(v->p, QSC_NEWS_PAGE_RESPONSE, 100 * us, NULL));
    OK(qsc_page_response_next(v->p, &answer));
    CHECK(answer.requester == ACCELERATOR && answer.group == group && answer.code == code);
    CHECK(answer.flags == QSC_PASID && answer.pasid == pasid);
}

static void page_request(vtd* v) {
    const uint64_t wanted = here + 0x3000, to = v->memory + AT_PAGES + 0x3000;
    qsc_translation got[4];
    OK(qsc_device_set(v->p, ACCELERATOR, QSC_DEVICE_ATS | QSC_DEVICE_PRI));
    CHECK(ask(v->p, ACCELERATOR, pasid, wanted, 1, got).status == QSC_ATS_SUCCESS && is_empty(got));
    CHECK((reg(v, FSTS, 4) & PPF) == 0); /* recoverable: no record */
    ask_for_page(v->p, ACCELERATOR, pasid, wanted, QSC_READ, 0x155);
    ask_for_page(v->p, ACCELERATOR, pasid, wanted + 0x1000, QSC_READ | QSC_WRITE | QSC_LAST, 0x155);
    expect_message(v, request_at, REQUEST_DATA);
    while (reg(v, PQT, 8) != 64) qsc_relax(v->p, us);
    CHECK(reg(v, PRS, 4) == 1); /* PPR */
    uint64_t record[4];
    for (unsigned n = 0; n < 2; ++n) {
        CHECK(next_page_request(v, record));
        CHECK(record[0] == (1 | 1 << 8 | (uint64_t)ACCELERATOR << 16 | (uint64_t)pasid << 32)); /* PP, RID, PASID */
        CHECK(record[1] == ((wanted + 0x1000 * n) | 0x155 << 3 | (n == 1 ? 7 : 1)));            /* LPIG, WRR, RDR */
        CHECK(record[2] == 0 && record[3] == 0);
    }
    CHECK(!next_page_request(v, record));
    set_reg(v, PRS, 4, 1);
    CHECK(reg(v, PRS, 4) == 0);

    map_page(v, pasid_root, wanted, to, FIRST);
    descriptor(v, response_to(ACCELERATOR, pasid, 0), 0x155 << 3);
    expect_response(v, 0x155, QSC_RESPONSE_SUCCESS);
    CHECK(ask(v->p, ACCELERATOR, pasid, wanted, 4, got).entries == 1); /* the page after it has none */
    CHECK(got[0].address == to && got[0].bytes == 0x1000 && (got[0].word & 3) == 3);
    CHECK((got[0].flags & (QSC_READ | QSC_WRITE | QSC_GLOBAL)) == (QSC_READ | QSC_WRITE));
    uint32_t word = 77;
    const qsc_dma_result r = do_dma(v->p, dma_of(ACCELERATOR, to, 4, QSC_WRITE | QSC_TRANSLATED), &word);
    CHECK(r.ending == QSC_DONE && r.physical == to);
}

static unsigned invalidations_seen;
static void answer_invalidations(vtd* v) {
    qsc_invalidation i = {.size = sizeof i};
    while (qsc_invalidation_next(v->p, &i) == QSC_OK) {
        CHECK(i.requester == ACCELERATOR && i.pasid == pasid);
        if (invalidations_seen++ == 0) {
            CHECK(i.flags == QSC_PASID && i.address == here + 0x3000 && i.bytes == 0x1000);
        } else {
            CHECK(i.flags == (QSC_PASID | QSC_EVERYTHING));
        }
        OK(qsc_invalidation_complete(v->p, i.tag));
        CHECK(qsc_invalidation_complete(v->p, i.tag) == QSC_ERR_ARGUMENT);
    }
}

/* 2.6: tables, IOTLB, then the device's, and a wait for both; once for a page, once for all of the PASID. */
static void take_page_away(vtd* v) {
    const uint64_t gone = here + 0x3000;
    uint32_t word = 0;
    fault faults[FAULTS];
    CHECK(do_dma(v->p, with_pasid(gone, 4, 0), &word).ending == QSC_DONE && word == 77);
    map_page(v, pasid_root, gone, 0, FIRST);
    CHECK(do_dma(v->p, with_pasid(gone, 4, 0), &word).ending == QSC_DONE); /* the IOTLB has it yet */
    v->while_waiting = answer_invalidations;
    invalidations_seen = 0;
    descriptor(v, of_pasid(PAGE_OF_PASID_IOTLB, domain, pasid), gone);
    descriptor(v, device_tlb_of(ACCELERATOR, pasid), gone);
    CHECK(synchronise(v));
    CHECK(invalidations_seen == 1);
    descriptor(v, of_pasid(PASID_IOTLB, domain, pasid), 0);
    descriptor(v, device_tlb_of(ACCELERATOR, pasid), everything);
    CHECK(synchronise(v));
    CHECK(invalidations_seen == 2);
    v->while_waiting = NULL;
    CHECK(do_dma(v->p, with_pasid(gone, 4, 0), &word).ending == QSC_REFUSED);
    expect_message(v, fault_at, FAULT_DATA);
    CHECK(take_faults(v, faults) == 1);
    CHECK(is_fault(&faults[0], ACCELERATOR, 0x71, gone, 1));
}

/* A wait that interrupts: IWC, and no second message while it is set. */
static void interrupt_by_wait(vtd* v) {
    descriptor(v, wait_that_interrupts(), 0);
    expect_message(v, wait_at, WAIT_DATA);
    CHECK(reg(v, ICS, 4) == 1 && reg(v, IECTL, 4) == 0);
    descriptor(v, wait_that_interrupts(), 0);
    CHECK(synchronise(v));
    expect_no_message(v);
    set_reg(v, ICS, 4, 1);
    CHECK(reg(v, ICS, 4) == 0);
    descriptor(v, wait_that_interrupts(), 0);
    expect_message(v, wait_at, WAIT_DATA);
    set_reg(v, ICS, 4, 1);
}

/* A device-TLB that does not answer: ITE, its wait is aborted, and the head stays until software clears ITE. */
static void silent_device(vtd* v) {
    qsc_invalidation i = {.size = sizeof i};
    uint64_t begun, now;
    OK(qsc_time(v->p, &begun));
    descriptor(v, device_tlb_of(ACCELERATOR, pasid), everything);
    CHECK(!synchronise(v));
    OK(qsc_time(v->p, &now));
    CHECK(now - begun >= 50 * us);
    expect_message(v, fault_at, FAULT_DATA);
    CHECK((reg(v, FSTS, 4) & QUEUE_ERRORS) == ITE);
    CHECK((reg(v, IQERCD, 8) >> 32 & 0xffff) == ACCELERATOR); /* ITESID */
    OK(qsc_invalidation_next(v->p, &i));
    CHECK(qsc_invalidation_complete(v->p, i.tag) == QSC_ERR_ARGUMENT); /* too late: it is one that nobody expects */
    OK(qsc_invalidation_complete_stray(v->p, ACCELERATOR));
    CHECK((reg(v, FSTS, 4) & QUEUE_ERRORS) == (ICE | ITE) && reg(v, IQERCD, 8) >> 48 == ACCELERATOR); /* ICESID */
    set_reg(v, FSTS, 4, ICE);
    const uint32_t head = head_of(v);
    descriptor(v, 5 | 1 << 5 | UINT64_C(0xdead) << 32, v->memory + AT_STATUS + 4);
    OK(qsc_advance(v->p, 10 * us));
    CHECK(head_of(v) == head && load(v, v->memory + AT_STATUS) >> 32 == 0 && !written(v));
    set_reg(v, FSTS, 4, ITE);
    CHECK(synchronise(v));
    CHECK((reg(v, FSTS, 4) & 0xff) == 0 && load(v, v->memory + AT_STATUS) >> 32 == 0xdead);
}

/* A descriptor that is none stops the queue; software puts a wait in its place and goes on. Then once around. */
static void recover(vtd* v) {
    static const struct {
        uint64_t low, high, error;
    } bad[] = {{0xb, 0, 3}, {0, 0, 3}, {5 | 1 << 5 | 1 << 8, 0, 4}, {7 | 2 << 4, 0, 0}}; /* IQEI; 0: whichever */
    for (unsigned n = 0; n < 4; ++n) {
        const uint64_t nothing[4] = {5, 0, 0, 0};
        const uint32_t at = v->tail;
        descriptor(v, bad[n].low, bad[n].high);
        CHECK(!synchronise(v));
        CHECK((reg(v, FSTS, 4) & QUEUE_ERRORS) == IQE && head_of(v) == at);
        CHECK(bad[n].error == 0 || (reg(v, IQERCD, 8) & 0xf) == bad[n].error);
        expect_message(v, fault_at, FAULT_DATA);
        store(v, v->memory + AT_QUEUE + 32 * (uint64_t)at, nothing, 4);
        set_reg(v, FSTS, 4, IQE);
        while (!written(v)) qsc_relax(v->p, us);
    }
    for (unsigned n = 0; n < DESCRIPTORS; ++n) CHECK(synchronise(v));
    CHECK(head_of(v) == v->tail);
}

static void change_pasid(vtd* v, uint64_t low) {
    set_pasid(v, pasid, low, (low & PRESENT) != 0 ? domain | SNOOPED : 0, (low & PRESENT) != 0 ? pasid_root : 0);
    descriptor(v, of_pasid(PASID_CACHE, domain, pasid), 0);
    descriptor(v, of_pasid(PASID_IOTLB, domain, pasid), 0);
    descriptor(v, device_tlb_of(ACCELERATOR, pasid), everything);
    v->while_waiting = answer_invalidations;
    CHECK(synchronise(v));
    v->while_waiting = NULL;
}
/* 2.7: with FPD nobody is told, though P is 0; without it there are records. Devices are answered all the same. */
static void quiet_pasid(vtd* v) {
    qsc_translation got[1];
    uint32_t word;
    fault faults[FAULTS];
    for (unsigned loud = 0; loud < 2; ++loud) {
        change_pasid(v, loud != 0 ? 0 : QUIET);
        CHECK(ask(v->p, ACCELERATOR, pasid, here, 1, got).status == QSC_ATS_SUCCESS && is_empty(got));
        CHECK((reg(v, FSTS, 4) & PPF) == 0);
        CHECK(do_dma(v->p, with_pasid(here, 4, QSC_WRITE), &word).ending == QSC_REFUSED);
        ask_for_page(v->p, ACCELERATOR, pasid, here, QSC_READ | QSC_LAST, 3);
        expect_response(v, 3, QSC_RESPONSE_INVALID);
        if (loud != 0) expect_message(v, fault_at, FAULT_DATA);
        expect_no_message(v);
        CHECK(take_faults(v, faults) == 2 * loud);
    }
    CHECK(is_fault(&faults[0], ACCELERATOR, 0x59, here, 0) && faults[0].pasid == pasid); /* SPT.2 */
    CHECK(faults[1].reason == 0x59 && faults[1].pasid == pasid);
    change_pasid(v, PRESENT | FIRST_STAGE);
    CHECK(do_dma(v->p, with_pasid(here, 4, 0), &word).ending == QSC_DONE);
}

static void pasids_by_command(vtd* v) {
    CHECK((reg(v, VCCAP, 8) >> 1 & 1) == 1); /* PAS */
    const uint64_t first = virtual_command(v, 1), second = virtual_command(v, 1);
    CHECK((first >> 1 & 0x7f) == 0 && (second >> 1 & 0x7f) == 0 && first >> 16 != second >> 16);
    CHECK(virtual_command(v, 2 | first >> 16 << 16) >> 1 == 0);
    CHECK((virtual_command(v, 2 | first >> 16 << 16) >> 1 & 0x7f) == 16); /* not allocated any more */
    CHECK((virtual_command(v, 0x7f) >> 1 & 0x7f) == 1);                   /* no such command */
}

static void tear_down(vtd* v) {
    qsc_translation got[1];
    set_global(v, TE, 0);
    CHECK(ask(v->p, ACCELERATOR, pasid, here, 1, got).status == QSC_ATS_UNSUPPORTED);
    set_global(v, QIE, 0);
    CHECK(head_of(v) == 0);
    leave(v, DISK);
}

static uint64_t live(const qsc_host_memory* host) {
    vtd v;
    uint64_t now = 0;
    create(&v, 0x60, host);
    look_at_reset(&v, 0x60, DISK);
    make_tables(&v);
    bring_up(&v);
    translate(&v);
    fail(&v);
    overflow(&v);
    translate_unsnooped(&v);
    judge(&v);
    device_interrupt(&v);
    page_request(&v);
    take_page_away(&v);
    interrupt_by_wait(&v);
    silent_device(&v);
    recover(&v);
    quiet_pasid(&v);
    pasids_by_command(&v);
    OK(qsc_time(v.p, &now));
    tear_down(&v);
    return now;
}

int main(void) { return same_each_time(live, memory_at, memory_bytes); }
