/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of this folder have in common, whichever unit they drive: checks, DMA, and memory of their own.
 */
#ifndef ANY_HOST_H
#define ANY_HOST_H

#include <quiesce/cosim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(claim)                                                                                                   \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #claim, qsc_last_error());     \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)
#define OK(call) CHECK((call) == QSC_OK)

static const uint64_t us = UINT64_C(1000000); /* in picoseconds */

/* ---- devices */

static inline qsc_dma_request dma_of(uint32_t requester, uint64_t at, uint32_t bytes, uint32_t flags) {
    qsc_dma_request r;
    memset(&r, 0, sizeof r);
    r.size = sizeof r;
    r.requester = requester;
    r.address = at;
    r.bytes = bytes;
    r.flags = flags;
    return r;
}
/* -> how it ended; `data` is written or read into. */
static inline qsc_dma_result do_dma(qsc_platform p, qsc_dma_request r, void* data) {
    qsc_dma_result result;
    memset(&result, 0, sizeof result);
    result.size = sizeof result;
    if ((r.flags & QSC_WRITE) != 0) r.data = data;
    OK(qsc_dma(p, &r, 100 * us, data, &result, NULL));
    return result;
}

/* A translation request for an address of a PASID's. */
static inline qsc_translation_result ask(qsc_platform p, uint32_t requester, uint32_t pasid, uint64_t at,
                                         uint32_t entries, qsc_translation* got) {
    qsc_translation_request r;
    qsc_translation_result result;
    memset(&r, 0, sizeof r);
    memset(&result, 0, sizeof result);
    r.size = sizeof r;
    result.size = sizeof result;
    r.requester = requester;
    r.address = at;
    r.entries = entries;
    r.flags = QSC_PASID;
    r.pasid = pasid;
    OK(qsc_translate(p, &r, 100 * us, got, &result, NULL));
    return result;
}
static inline int is_empty(const qsc_translation* t) { return (t->flags & (QSC_READ | QSC_WRITE)) == 0; }
static inline void ask_for_page(qsc_platform p, uint32_t requester, uint32_t pasid, uint64_t at, uint32_t flags,
                                uint32_t group) {
    qsc_page_request_message m;
    memset(&m, 0, sizeof m);
    m.size = sizeof m;
    m.requester = requester;
    m.address = at;
    m.flags = QSC_PASID | flags;
    m.pasid = pasid;
    m.group = group;
    OK(qsc_page_request(p, &m, 100 * us, NULL, NULL));
}

/* ---- memory of this program */

typedef struct host_bytes {
    uint64_t base, count;
    unsigned char* bytes;
} host_bytes;

static inline int host_move(host_bytes* h, uint64_t address, unsigned char** at, uint32_t bytes, const qsc_access* a) {
    CHECK(a->size >= sizeof *a);
    if (address < h->base || address - h->base > h->count - bytes) return 1;
    *at = h->bytes + (address - h->base);
    return 0;
}
static inline int host_read(void* context, uint64_t address, void* into, uint32_t bytes, const qsc_access* access) {
    unsigned char* at;
    if (host_move((host_bytes*)context, address, &at, bytes, access) != 0) return 1;
    memcpy(into, at, bytes);
    return 0;
}
static inline int host_write(void* context, uint64_t address, const void* from, uint32_t bytes,
                             const qsc_access* access) {
    unsigned char* at;
    if (host_move((host_bytes*)context, address, &at, bytes, access) != 0) return 1;
    memcpy(at, from, bytes);
    return 0;
}

/* Two lives with the simulator's memory and one with this program's take the same time to the picosecond. */
static inline int same_each_time(uint64_t (*live)(const qsc_host_memory* host), uint64_t base, uint64_t count) {
    CHECK(qsc_version() == QSC_COSIM_VERSION);
    host_bytes own = {base, count, (unsigned char*)calloc(1, count)};
    const qsc_host_memory host = {sizeof host, 0, &own, host_read, host_write};
    CHECK(own.bytes != NULL);
    const uint64_t first = live(NULL), again = live(NULL), with_host_memory = live(&host);
    printf("%llu ps of life\n", (unsigned long long)first);
    CHECK(again == first);
    CHECK(with_host_memory == first);
    free(own.bytes);
    return 0;
}

#endif
