/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AMD-Vi unit from reset to teardown, driven from C: bring-up with the command buffer, translation by PASID and by
 * the host's table, faults in the event log, its overflow, page request, devices' own translations, recovery of the
 * command buffer, the teardown of a PASID that nothing makes quiet, and the end. Once more with everything as before,
 * and once with memory that this program keeps: each takes the same time to the picosecond.
 */
#include "amdvi_host.h"

/* Requester ids: one with an IOTLB, page requests and PASIDs, and one without. */
enum { ACCELERATOR = 0x0390, DISK = 0x0308 };
static const uint64_t registers_at = UINT64_C(0xfd200000), memory_at = UINT64_C(0x80000000), memory_bytes = 0x1000000,
                      messages_at = 0xfee00000, message_at = 0xfee01000;
static const uint64_t here = UINT64_C(0x7f1234567000), disk_page = UINT64_C(0x12345000);
static const uint32_t pasid = 0x1205, domain = 7, disk_domain = 8;
enum { EVENT_DATA = 0x40, REQUEST_DATA = 0x41 }; /* two messages: the last bit tells them apart */

static uint64_t pasid_root, disk_root;

static void create(amdvi* a, const qsc_host_memory* host) {
    static const char* const settings[] = {"platform.iommu.kind=amdvi", "platform.root_complex.stream_base=0"};
    qsc_config c;
    memset(&c, 0, sizeof c);
    c.size = sizeof c;
    c.preset = "server";
    c.settings = settings;
    c.setting_count = 2;
    c.iommu_base = registers_at;
    if (host == NULL) {
        c.memory_base = memory_at;
        c.memory_bytes = memory_bytes;
    } else {
        c.host_memory = host;
    }
    c.message_base = messages_at;
    c.message_bytes = 0x100000;
    memset(a, 0, sizeof *a);
    OK(qsc_create(&c, &a->p));
    a->registers = registers_at;
    a->memory = memory_at;
}

static void expect_untranslated(amdvi* a) {
    uint32_t word = 0x12345678, back = 0;
    const qsc_dma_result r = do_dma(a->p, dma_of(DISK, memory_at + AT_PAGES + 0x40, 4, QSC_WRITE), &word);
    CHECK(r.ending == QSC_DONE && r.bytes == 4 && r.physical == memory_at + AT_PAGES + 0x40);
    OK(qsc_memory_read(a->p, memory_at + AT_PAGES + 0x40, &back, 4));
    CHECK(back == word);
}
static void look_at_reset(amdvi* a) {
    const uint64_t efr = reg(a, EFR, 8);
    CHECK((efr >> 1 & 1) == 1 && (efr >> 4 & 1) == 1);       /* PPR, GT */
    CHECK((efr >> 14 & 3) >= 1 && (efr >> 32 & 0x1f) == 15); /* GLX: two levels; PASMax: 16 bits */
    CHECK(reg(a, EFR + 4, 4) == efr >> 32);                  /* in halves, too */
    CHECK((reg(a, CONTROL, 8) & (IOMMU_EN | EVENT_LOG_EN | CMD_BUF_EN)) == 0 && reg(a, STATUS, 4) == 0);
    CHECK(reg(a, STATUS, 2) == 0); /* a size that the registers do not take */
    expect_untranslated(a);        /* EN=0 */
}

static void make_tables(amdvi* a) {
    pasid_root = new_table(a);
    disk_root = new_table(a);
    map_page(a, pasid_root, here, a->memory + AT_PAGES, GUEST);
    map_page(a, disk_root, disk_page, a->memory + AT_PAGES + 0x2000, HOST);
    set_gcr3(a, pasid, pasid_root);
    set_device(a, ACCELERATOR, VALID | TRANSLATES | GV | TWO_LEVELS | ALLOWS_PPR | GPRP | READS | WRITES, IOTLB,
               a->memory + AT_GCR3, domain);
    set_device(a, DISK, VALID | TRANSLATES | 4 << 9 | disk_root | READS | WRITES, 0, 0, disk_domain);
}

/* As Linux does it: the rings, messages, translation last; then everything is forgotten. */
static void bring_up(amdvi* a) {
    const uint64_t rings = EVENT_LOG_EN | CMD_BUF_EN | PPR_LOG_EN;
    set_reg(a, DEV_TAB_BAR, 8, (a->memory + AT_DEVICES) | 15); /* 16 pages: 2048 devices */
    set_reg(a, CMD_BUF_BAR, 8, (a->memory + AT_COMMANDS) | ring_length);
    set_reg(a, EVT_LOG_BAR, 8, (a->memory + AT_EVENTS) | ring_length);
    set_reg(a, PPR_LOG_BAR, 8, (a->memory + AT_REQUESTS) | ring_length);
    set_reg(a, MSI_ADDRESS, 4, message_at);
    set_reg(a, MSI_ADDRESS_HIGH, 4, 0);
    set_reg(a, MSI_DATA, 4, EVENT_DATA);
    set_reg(a, MSI_HEADER, 4, reg(a, MSI_HEADER, 4) | 1 << 16 | 1 << 20); /* two of them, on */
    set_reg(a, CONTROL, 8, rings | EVENT_INT_EN | PPR_INT_EN | PPR_EN | GT_EN | IOMMU_EN);
    CHECK((reg(a, STATUS, 4) & (EVT_RUN | CMD_BUF_RUN | PPR_RUN)) == (EVT_RUN | CMD_BUF_RUN | PPR_RUN));
    command(a, opcode(8), 0); /* INVALIDATE_IOMMU_ALL */
    CHECK(synchronise(a));
    CHECK(head_of(a) == 2);
}

static qsc_dma_request with_pasid(uint64_t at, uint32_t bytes, uint32_t flags) {
    qsc_dma_request r = dma_of(ACCELERATOR, at, bytes, flags | QSC_PASID);
    r.pasid = pasid;
    return r;
}
static void translate(amdvi* a) {
    char text[16] = "through a table", back[16] = "";
    uint64_t begun, middle;
    OK(qsc_time(a->p, &begun));
    qsc_dma_result r = do_dma(a->p, with_pasid(here + 0x10, 16, QSC_WRITE), text);
    CHECK(r.ending == QSC_DONE && r.physical == a->memory + AT_PAGES + 0x10);
    CHECK((load(a, entry_of(a, pasid_root, here, 1, GUEST)) & 0x60) == 0x60); /* accessed and dirty */
    OK(qsc_time(a->p, &middle));
    CHECK(r.ended_ps == middle);
    r = do_dma(a->p, with_pasid(here + 0x10, 16, 0), back);
    CHECK(r.ending == QSC_DONE && memcmp(text, back, 16) == 0);
    CHECK(r.ended_ps - middle < middle - begun); /* no walk the second time */
    r = do_dma(a->p, dma_of(DISK, disk_page + 8, 4, QSC_WRITE), text);
    CHECK(r.ending == QSC_DONE && r.physical == a->memory + AT_PAGES + 0x2008);
}

/* Of an entry: 3.4. GN says that bits 47:32 are of a PASID, and not the domain. */
static void expect_event(amdvi* a, uint64_t low, uint64_t address) {
    uint64_t event[2];
    CHECK(next_event(a, event));
    CHECK(event[0] == low && event[1] == address);
}
enum { FAULT_GN = 1 << 0, FAULT_US = 1 << 2, FAULT_PR = 1 << 4, FAULT_RW = 1 << 5, FAULT_PE = 1 << 6 };
static uint64_t page_fault(uint64_t device, uint64_t whose, uint64_t flags) {
    return opcode(2) | flags << 48 | whose << 32 | device;
}
static void fault(amdvi* a) {
    uint32_t word = 0;
    uint64_t event[2];
    const qsc_dma_result r = do_dma(a->p, with_pasid(here + 0x1234, 4, 0), &word);
    CHECK(r.ending == QSC_REFUSED && r.bytes == 0);
    expect_message(a, message_at, EVENT_DATA);
    CHECK((reg(a, STATUS, 4) & EVT_INT) != 0);
    CHECK(do_dma(a->p, dma_of(DISK, disk_page + 0x1000, 4, QSC_WRITE), &word).ending == QSC_REFUSED);
    expect_no_message(a); /* while EVT_INT is set */
    set_reg(a, STATUS, 4, EVT_INT);
    expect_event(a, page_fault(ACCELERATOR, pasid, FAULT_GN | FAULT_US), here + 0x1234);
    expect_event(a, page_fault(DISK, disk_domain, FAULT_RW), disk_page + 0x1000);
    CHECK(!next_event(a, event));
}

static void expect_response(amdvi* a, uint32_t group, uint32_t code) {
    qsc_page_response answer = {.size = sizeof answer};
    OK(qsc_wait_news(a->p, QSC_NEWS_PAGE_RESPONSE, 100 * us, NULL));
    OK(qsc_page_response_next(a->p, &answer));
    CHECK(answer.requester == ACCELERATOR && answer.group == group && answer.code == code);
    CHECK(answer.flags == QSC_PASID && answer.pasid == pasid);
}
static void page_request(amdvi* a) {
    const uint64_t wanted = here + 0x3000, to = a->memory + AT_PAGES + 0x3000;
    qsc_translation got[4];
    OK(qsc_device_set(a->p, ACCELERATOR, QSC_DEVICE_ATS | QSC_DEVICE_PRI));
    CHECK(ask(a->p, ACCELERATOR, pasid, wanted, 1, got).status == QSC_ATS_SUCCESS && is_empty(got));
    ask_for_page(a->p, ACCELERATOR, pasid, wanted, QSC_READ, 0x155);
    ask_for_page(a->p, ACCELERATOR, pasid, wanted + 0x1000, QSC_READ | QSC_WRITE | QSC_LAST, 0x155);
    expect_message(a, message_at, REQUEST_DATA);
    while (reg(a, PPR_TAIL, 4) != 32) qsc_relax(a->p, us);
    uint64_t entry[2];
    const uint64_t whose = opcode(1) | (uint64_t)ACCELERATOR | (uint64_t)pasid << 16 | UINT64_C(0x155) << 32;
    const uint64_t asks = UINT64_C(0x140) << 48, reads = UINT64_C(4) << 48, writes = UINT64_C(0x20) << 48; /* GN, US */
    CHECK(next_page_request(a, entry));
    CHECK(entry[0] == (whose | asks | reads) && entry[1] == wanted);
    CHECK(next_page_request(a, entry));
    CHECK(entry[0] == (whose | asks | reads | writes | UINT64_C(1) << 41)); /* the last */
    CHECK(entry[1] == wanted + 0x1000);
    CHECK(!next_page_request(a, entry));
    set_reg(a, STATUS, 4, PPR_INT);

    map_page(a, pasid_root, wanted, to, GUEST);
    answer_page_request(a, ACCELERATOR, pasid, 0x155, QSC_RESPONSE_SUCCESS);
    expect_response(a, 0x155, QSC_RESPONSE_SUCCESS);
    CHECK(ask(a->p, ACCELERATOR, pasid, wanted, 4, got).entries == 1); /* the page after it has none */
    CHECK(got[0].address == to && got[0].bytes == 0x1000 && (got[0].word & 3) == 3);
    uint32_t word = 77;
    const qsc_dma_result r = do_dma(a->p, dma_of(ACCELERATOR, to, 4, QSC_WRITE | QSC_TRANSLATED), &word);
    CHECK(r.ending == QSC_DONE && r.physical == to);
}

static unsigned invalidations_seen;
static void answer_invalidations(amdvi* a) {
    qsc_invalidation i = {.size = sizeof i};
    while (qsc_invalidation_next(a->p, &i) == QSC_OK) {
        CHECK(i.requester == ACCELERATOR && i.pasid == pasid);
        if (invalidations_seen++ == 0) {
            CHECK(i.flags == QSC_PASID && i.address == here + 0x3000 && i.bytes == 0x1000);
        } else {
            CHECK(i.flags == (QSC_PASID | QSC_EVERYTHING));
        }
        OK(qsc_invalidation_complete(a->p, i.tag));
        CHECK(qsc_invalidation_complete(a->p, i.tag) == QSC_ERR_ARGUMENT);
    }
}
/* The unit's translations, and then the device's: else it would ask again for what is to be gone. */
static void take_page_away(amdvi* a) {
    const uint64_t gone = here + 0x3000;
    uint32_t word = 0;
    CHECK(do_dma(a->p, with_pasid(gone, 4, 0), &word).ending == QSC_DONE && word == 77);
    map_page(a, pasid_root, gone, 0, GUEST);
    CHECK(do_dma(a->p, with_pasid(gone, 4, 0), &word).ending == QSC_DONE); /* the unit has it yet */
    forget_pages(a, domain, pasid, gone | GN);
    CHECK(synchronise(a));
    a->while_waiting = answer_invalidations;
    invalidations_seen = 0;
    forget_at_device(a, ACCELERATOR, pasid, gone | GN);
    CHECK(synchronise(a));
    a->while_waiting = NULL;
    CHECK(invalidations_seen == 1);
    CHECK(do_dma(a->p, with_pasid(gone, 4, 0), &word).ending == QSC_REFUSED);
    expect_message(a, message_at, EVENT_DATA);
    expect_event(a, page_fault(ACCELERATOR, pasid, FAULT_GN | FAULT_US), gone);
    set_reg(a, STATUS, 4, EVT_INT);
}

/* A command that is none stops the buffer at it, and an event says where; software starts the buffer anew. */
static void recover(amdvi* a) {
    const uint64_t control = reg(a, CONTROL, 8);
    const uint32_t at = a->tail;
    command(a, opcode(15), 0);
    CHECK(!synchronise(a));
    CHECK(head_of(a) == at);
    expect_message(a, message_at, EVENT_DATA);
    expect_event(a, opcode(5), a->memory + AT_COMMANDS + 16 * (uint64_t)at);
    set_reg(a, STATUS, 4, EVT_INT);
    set_reg(a, CONTROL, 8, control & ~(uint64_t)CMD_BUF_EN);
    set_reg(a, CMD_HEAD, 4, 0);
    a->tail = 0;
    set_reg(a, CMD_TAIL, 4, 0);
    set_reg(a, CONTROL, 8, control);
    for (unsigned n = 0; n < ENTRIES + 3; ++n) CHECK(synchronise(a)); /* once around */
    CHECK(head_of(a) == a->tail);
}

/* Nothing makes a PASID quiet: its entry is taken away, and what its device still does fills the log until that
 * overflows. Others, whose faults are lost with them, see it. */
static void take_pasid_away(amdvi* a) {
    const uint64_t control = reg(a, CONTROL, 8);
    qsc_translation got[1];
    uint32_t word;
    uint64_t event[2];
    set_gcr3(a, pasid, 0);
    forget_pages(a, domain, pasid, everything | SIZE | PDE | GN);
    forget_at_device(a, ACCELERATOR, pasid, everything | SIZE | GN);
    a->while_waiting = answer_invalidations;
    CHECK(synchronise(a));
    a->while_waiting = NULL;
    CHECK(invalidations_seen == 2);
    CHECK(ask(a->p, ACCELERATOR, pasid, here, 1, got).status == QSC_ATS_SUCCESS && is_empty(got));
    CHECK(!next_event(a, event)); /* who asks is told, and nobody else */
    for (unsigned n = 0; n < ENTRIES; ++n)
        CHECK(do_dma(a->p, with_pasid(here, 4, QSC_WRITE), &word).ending == QSC_REFUSED);
    expect_message(a, message_at, EVENT_DATA);
    while ((reg(a, STATUS, 4) & EVT_OVERFLOW) == 0) qsc_relax(a->p, us);
    CHECK((reg(a, STATUS, 4) & EVT_RUN) == 0);
    CHECK(do_dma(a->p, dma_of(DISK, disk_page + 0x1000, 4, 0), &word).ending == QSC_REFUSED); /* lost */
    for (unsigned n = 0; n < ENTRIES - 1; ++n)
        expect_event(a, page_fault(ACCELERATOR, pasid, FAULT_GN | FAULT_US | FAULT_RW), here);
    CHECK(!next_event(a, event));
    set_reg(a, CONTROL, 8, control & ~(uint64_t)EVENT_LOG_EN);
    set_reg(a, STATUS, 4, EVT_OVERFLOW | EVT_INT);
    set_reg(a, CONTROL, 8, control);
    CHECK((reg(a, STATUS, 4) & (EVT_OVERFLOW | EVT_RUN)) == EVT_RUN);
    expect_message(a, message_at, EVENT_DATA); /* of the overflow, with the log */
    CHECK(do_dma(a->p, dma_of(DISK, disk_page + 0x1000, 4, 0), &word).ending == QSC_REFUSED);
    expect_message(a, message_at, EVENT_DATA);
    expect_event(a, page_fault(DISK, disk_domain, 0), disk_page + 0x1000);
    /* Without translation of its own the device goes nowhere, and the log is of the domain. */
    set_device(a, ACCELERATOR, VALID | READS | WRITES, 0, 0, domain);
    forget_device(a, ACCELERATOR);
    CHECK(synchronise(a));
    CHECK(do_dma(a->p, dma_of(ACCELERATOR, here, 4, 0), &word).ending == QSC_REFUSED);
    expect_event(a, page_fault(ACCELERATOR, domain, 0), here);
}

static void tear_down(amdvi* a) {
    const qsc_platform was = a->p;
    uint64_t now;
    set_reg(a, CONTROL, 8, 0);
    CHECK((reg(a, STATUS, 4) & (EVT_RUN | CMD_BUF_RUN | PPR_RUN)) == 0);
    expect_untranslated(a);
    while (qsc_relax(a->p, us) == QSC_OK) continue; /* nothing goes on by itself */
    OK(qsc_destroy(a->p));
    CHECK(qsc_time(was, &now) == QSC_ERR_HANDLE);
}

static uint64_t live(const qsc_host_memory* host) {
    amdvi a;
    uint64_t now = 0;
    create(&a, host);
    look_at_reset(&a);
    make_tables(&a);
    bring_up(&a);
    translate(&a);
    fault(&a);
    page_request(&a);
    take_page_away(&a);
    recover(&a);
    take_pasid_away(&a);
    OK(qsc_time(a.p, &now));
    tear_down(&a);
    return now;
}

int main(void) { return same_each_time(live, memory_at, memory_bytes); }
