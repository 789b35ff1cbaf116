/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The C interface of quiesce: an IOMMU with its registers, memory and requesters, for driver code that others wrote.
 *
 * A host (a driver under test, an emulator, another simulator) creates a platform, programs the IOMMU through MMIO and
 * bytes in memory as on hardware, and lets devices do DMA, ask for translations and for pages. Nothing of quiesce's
 * operating system runs. Functions have no words of one architecture; which registers, records and commands there are
 * says the architecture's manual.
 *
 * Time is simulated, in picoseconds, and moves only inside of calls. The same calls with the same arguments have the
 * same answers at the same times, in every process and in both ways of living:
 *
 *   QSC_KERNEL_OWN   the library owns the simulation kernel. Call it from anywhere but a running SystemC simulation.
 *   QSC_KERNEL_HOST  the host is a SystemC program. It creates the platform before elaboration ends and calls from an
 *                    SC_THREAD, where "time goes on" is wait(). What takes no time may be called from anywhere.
 *
 * One platform lives at a time in a process; several may one after the other, each from time zero (QSC_KERNEL_HOST:
 * one per SystemC kernel, which cannot elaborate twice).
 *
 * An SC_THREAD that is killed inside of a call is unwound by SystemC's own exception; no other leaves the library.
 *
 * Threads: calls come from one thread of the operating system at a time. Several SC_THREADs of one simulation may each
 * be inside of a call that waits.
 *
 * Codes: every function but qsc_version(), qsc_last_error() and qsc_code_name() returns a qsc_code. Negative ones are
 * errors: nothing was done and no output was written; qsc_last_error() says why. No misuse ends the process.
 *
 * Structures begin with their size: set `.size = sizeof x` in those that the library reads and in those that it
 * fills, and zero the rest. A structure may grow at its end in later versions; what a caller does not know is zero.
 *
 * MODEL: requesters sit at the IOMMU's own ports. There is no PCIe link between, so no link timing, no ordering rules,
 * no flow control: two operations under way at once may end in either order. Who needs an order waits.
 */
#ifndef QUIESCE_COSIM_H
#define QUIESCE_COSIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define QSC_API __attribute__((visibility("default")))
#else
#define QSC_API
#endif

/** Of this header. It grows when something is added; what is there keeps its meaning. */
#define QSC_COSIM_VERSION 2u

/** Bounds: of one DMA, of one translation request, of physical addresses, of a span of time. */
#define QSC_DMA_MOST_BYTES 65536u
#define QSC_TRANSLATIONS_MOST 64u
#define QSC_ADDRESS_BITS 48
#define QSC_TIME_MOST_PS UINT64_C(1000000000000000000)

typedef enum qsc_code {
    QSC_OK = 0,
    QSC_PENDING = 1,          /**< not over yet: the operation goes on */
    QSC_EMPTY = 2,            /**< nothing there to fetch; of qsc_relax(): nothing left that could happen by itself */
    QSC_ERR_ARGUMENT = -1,    /**< an argument is out of its range, or a pointer that must be given is null */
    QSC_ERR_HANDLE = -2,      /**< no such platform or operation: never made, destroyed, or fetched already */
    QSC_ERR_STATE = -3,       /**< not now, or not from here */
    QSC_ERR_ADDRESS = -4,     /**< nothing answers at this address */
    QSC_ERR_CONFIG = -5,      /**< the preset, the scenario or a setting has a mistake */
    QSC_ERR_UNSUPPORTED = -6, /**< the models cannot be or do this */
    QSC_ERR_IO = -7,          /**< a file cannot be read */
    QSC_ERR_INTERNAL = -8     /**< a mistake of the library, or the machine's memory is used up */
} qsc_code;

/** QSC_COSIM_VERSION of the library. */
QSC_API uint32_t qsc_version(void);
/** Why the last call that returned an error did so: a text of one or more lines, valid until the next such call. */
QSC_API const char* qsc_last_error(void);
/** "QSC_ERR_STATE"; never null. */
QSC_API const char* qsc_code_name(int code);

/* ---- a platform and its life ------------------------------------------------------------------------------------- */

/** 0 is never one. A number is not used again in a process. */
typedef uint64_t qsc_platform;
/** Something that was started and takes time. 0 is never one. */
typedef uint64_t qsc_operation;

typedef enum qsc_kernel { QSC_KERNEL_OWN = 0, QSC_KERNEL_HOST = 1 } qsc_kernel;

/** Bits of `flags` in requests, accesses and answers. Each structure says which of them it takes. */
typedef enum qsc_flag {
    QSC_READ = 1 << 0,
    QSC_WRITE = 1 << 1,
    QSC_EXECUTE = 1 << 2,
    QSC_PRIVILEGED = 1 << 3,
    QSC_PASID = 1 << 4, /**< `pasid` counts */
    QSC_NO_SNOOP = 1 << 5,
    QSC_TRANSLATED = 1 << 6,        /**< the address is one that a translation request gave */
    QSC_MAY_WAIT = 1 << 7,          /**< the requester can be kept waiting for software (no PCIe function can) */
    QSC_NO_WRITE = 1 << 8,          /**< a translation request that will only read */
    QSC_LAST = 1 << 9,              /**< the last request of its page request group */
    QSC_GLOBAL = 1 << 10,           /**< whatever the PASID */
    QSC_EVERYTHING = 1 << 11,       /**< the whole address space */
    QSC_UNTRANSLATED_ONLY = 1 << 12 /**< only untranslated accesses may use it */
} qsc_flag;

/** On whose behalf memory is accessed. */
typedef enum qsc_by {
    QSC_BY_HOST = 0,        /**< qsc_memory_read(), qsc_memory_write() */
    QSC_BY_DEVICE = 1,      /**< a DMA; `flags`, `requester` and `pasid` are those of the request */
    QSC_BY_TABLE_WALK = 2,  /**< the IOMMU reads an entry of a translation table */
    QSC_BY_STRUCTURE = 3,   /**< ... of another table that software gave it */
    QSC_BY_QUEUE_READ = 4,  /**< ... of a queue */
    QSC_BY_QUEUE_WRITE = 5, /**< ... writes one */
    QSC_BY_MESSAGE = 6      /**< ... writes an interrupt message, where no message window is */
} qsc_by;

typedef struct qsc_access {
    uint32_t size;
    uint32_t by;    /**< qsc_by */
    uint32_t flags; /**< QSC_WRITE, _EXECUTE, _PRIVILEGED, _PASID, _NO_SNOOP, _TRANSLATED, _MAY_WAIT */
    uint32_t requester;
    uint32_t pasid;
    uint32_t reserved;
} qsc_access;

/**
 * Physical memory that the host keeps. An access takes the time that platform.memory says, and then calls one of these
 * once, at the instant at which it takes effect; 1 to 4096 bytes, never across a 4 KiB boundary. Up to 8 bytes that are
 * naturally aligned are one access; structures of the IOMMU come in beats of platform.memory.beat bytes. A return value
 * other than 0 refuses the access, which is then an external abort; nothing must have moved.
 * They must not call this interface, and not wait.
 */
typedef struct qsc_host_memory {
    uint32_t size;
    uint32_t reserved;
    void* context;
    int (*read)(void* context, uint64_t address, void* into, uint32_t bytes, const qsc_access* access);
    int (*write)(void* context, uint64_t address, const void* from, uint32_t bytes, const qsc_access* access);
} qsc_host_memory;

/**
 * The value of an identification register, by the name that the manual gives it: of an SMMUv3 "IDR0" and so on, of a
 * VT-d unit "VER", "CAP", "ECAP", and "HAW" for the host address width, which none of its registers has.
 */
typedef struct qsc_id_register {
    const char* name;
    uint64_t value;
} qsc_id_register;

typedef struct qsc_config {
    uint32_t size;
    uint32_t kernel;             /**< qsc_kernel */
    const char* preset;          /**< of `quiesce list presets`; null: "server" */
    const char* scenario;        /**< path of a scenario file, whose `platform` part is taken; not with a preset */
    const char* const* settings; /**< "platform.iommu.kind=vtd": as --set, in this order */
    uint32_t setting_count;
    uint32_t id_count;
    const qsc_id_register* ids; /**< go before what the settings say; a value that the model cannot be is refused */
    uint64_t iommu_base;        /**< of the IOMMU's registers: a multiple of 64 KiB; 0: 0x09040000 */
    uint64_t memory_base;       /**< of the simulator's own memory, multiples of 4 KiB; */
    uint64_t memory_bytes;      /**< 0: both as platform.memory says */
    const qsc_host_memory* host_memory; /**< null: memory is the simulator's own */
    uint64_t message_base;  /**< 32-bit writes to [base, base + bytes) are interrupt messages, not memory; */
    uint64_t message_bytes; /**< 0: there is no such window. That of VT-d is at 0xfee00000, of 1 MiB */
} qsc_config;

/**
 * Makes a platform as platform.* of the preset or the scenario says. `config` is not needed afterwards, what
 * `host_memory->context` points to is. Every address range must end below 2^48; they must not overlap.
 * QSC_ERR_CONFIG, _UNSUPPORTED, _IO: with a text that names every mistake of the settings and the scenario, or the
 * first of the identification registers. QSC_ERR_STATE: a platform lives already, or SystemC's elaboration is over.
 */
QSC_API int qsc_create(const qsc_config* config, qsc_platform* platform);
/**
 * Ends it; what is under way ends with it. QSC_KERNEL_HOST: once sc_start() has returned, not before and not from
 * inside of a SystemC process. A host that ends without it does no harm.
 */
QSC_API int qsc_destroy(qsc_platform platform);

/* ---- time -------------------------------------------------------------------------------------------------------- */

/** Since the platform's start (QSC_KERNEL_HOST: since that of the SystemC simulation). */
QSC_API int qsc_time(qsc_platform platform, uint64_t* ps);
/** Lets so much time go by. */
QSC_API int qsc_advance(qsc_platform platform, uint64_t ps);
/**
 * For the body of a polling loop: time goes on just past the next instant at which something happens in the models, by
 * `most_ps` (at least 1) at most. QSC_EMPTY: nothing was left to happen; `most_ps` have passed.
 */
QSC_API int qsc_relax(qsc_platform platform, uint64_t most_ps);
/**
 * Lets time go on until the operation is over, for `limit_ps` at most: QSC_OK, or QSC_PENDING. Its own poll function
 * then fetches the result.
 */
QSC_API int qsc_wait(qsc_platform platform, qsc_operation operation, uint64_t limit_ps);
/** Nobody will fetch the result. The operation goes on all the same. */
QSC_API int qsc_forget(qsc_platform platform, qsc_operation operation);

/*
 * Operations come in two forms. X_start() takes a request and returns at once; X_poll() says QSC_PENDING until it is
 * over, and then gives the result once. X() does both and waits for `limit_ps` of simulated time at most: QSC_PENDING
 * says that it goes on, and `still` (may be null: then it is forgotten) is what to poll.
 */

/* ---- registers --------------------------------------------------------------------------------------------------- */

/**
 * One access of a CPU to a model's registers, 1 to 8 bytes inside of one model. A write is posted: it is over when the
 * CPU has handed it over, and a DMA that is started then can come before it: read a register back where that matters.
 * A read stays behind the writes before it and takes a round trip. Values are in the low bytes.
 * Of an SMMUv3, the frame is its two pages of 64 KiB, then the page of its enhanced command queues, where it has some,
 * then the pages of its performance monitors, where it has them.
 * Of a VT-d unit, it is whole pages of 4 KiB, to the last of the registers that CAP.FRO and ECAP.IRO place.
 * Sizes and alignments that the registers do not take read as zero and are ignored on write.
 * QSC_ERR_ADDRESS: no register block of a model is there.
 */
QSC_API int qsc_mmio_read(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t* value);
QSC_API int qsc_mmio_write(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t value);
QSC_API int qsc_mmio_read_start(qsc_platform platform, uint64_t address, uint32_t bytes, qsc_operation* operation);
QSC_API int qsc_mmio_write_start(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t value,
                                 qsc_operation* operation);
/** `value` may be null; of a write it is 0. */
QSC_API int qsc_mmio_poll(qsc_platform platform, qsc_operation operation, uint64_t* value);

/* ---- memory as a CPU sees it ------------------------------------------------------------------------------------- */

/**
 * Takes no time. With host_memory they call its functions, page by page. QSC_ERR_ADDRESS: no memory is at one of the
 * addresses, or the host refused one; pages before it may have moved.
 */
QSC_API int qsc_memory_read(qsc_platform platform, uint64_t address, void* into, uint64_t bytes);
QSC_API int qsc_memory_write(qsc_platform platform, uint64_t address, const void* from, uint64_t bytes);

/* ---- DMA --------------------------------------------------------------------------------------------------------- */

/** How the IOMMU and memory ended a DMA. */
typedef enum qsc_ending {
    QSC_DONE = 0,    /**< all bytes moved */
    QSC_ZEROED = 1,  /**< the IOMMU ended it: a read gives zeros, a write is ignored, and nobody is told */
    QSC_REFUSED = 2, /**< the IOMMU aborted it (on PCIe: Unsupported Request) */
    QSC_ABORTED = 3  /**< translated to where no memory answers (on PCIe: Completer Abort) */
} qsc_ending;

typedef struct qsc_dma_request {
    uint32_t size;
    uint32_t requester; /**< its stream is platform.root_complex.stream_base + requester; on PCIe, 16 bits */
    uint64_t address;   /**< of the device */
    uint32_t bytes;     /**< 1 to QSC_DMA_MOST_BYTES; each 4 KiB page is translated by itself, one after the other */
    uint32_t flags;     /**< QSC_WRITE, _EXECUTE (reads), _PRIVILEGED, _PASID, _NO_SNOOP, _TRANSLATED, _MAY_WAIT */
    uint32_t pasid;     /**< with QSC_PASID: 20 bits. Not with QSC_TRANSLATED */
    uint32_t reserved;
    const void* data; /**< of a write: its bytes, which are copied at once */
} qsc_dma_request;

typedef struct qsc_dma_result {
    uint32_t size;
    uint32_t ending;   /**< of the page that ended it; else QSC_ZEROED if that happened to a page, or QSC_DONE */
    uint64_t bytes;    /**< that moved: pages before one that failed have */
    uint64_t physical; /**< where the last page that was translated went */
    uint64_t ended_ps; /**< when */
} qsc_dma_result;

/**
 * A requester that the IOMMU cannot tell from another (one of more than 16 bits, where it is a VT-d unit) is refused.
 * QSC_NO_SNOOP goes through to the host's memory as it is; the simulator's own is coherent and takes no notice.
 */
QSC_API int qsc_dma_start(qsc_platform platform, const qsc_dma_request* request, qsc_operation* operation);
/** `into` gets `bytes` of a read that ended as QSC_DONE or QSC_ZEROED; of others it may be null. */
QSC_API int qsc_dma_poll(qsc_platform platform, qsc_operation operation, void* into, qsc_dma_result* result);
QSC_API int qsc_dma(qsc_platform platform, const qsc_dma_request* request, uint64_t limit_ps, void* into,
                    qsc_dma_result* result, qsc_operation* still);

/* ---- devices with a translation cache, and those that ask for pages ---------------------------------------------- */

typedef enum qsc_device_feature {
    QSC_DEVICE_ATS = 1, /**< sees invalidations, and has to complete them */
    QSC_DEVICE_PRI = 2  /**< sees responses to its page requests */
} qsc_device_feature;

/**
 * Which features the requester has from now on; none at first. Invalidations for one without QSC_DEVICE_ATS are
 * answered as by a function that has no such cache, responses to one without QSC_DEVICE_PRI are lost.
 */
QSC_API int qsc_device_set(qsc_platform platform, uint32_t requester, uint32_t features);

/** Of a translation completion (PCIe's numbers). */
typedef enum qsc_ats_status { QSC_ATS_SUCCESS = 0, QSC_ATS_UNSUPPORTED = 1, QSC_ATS_ABORT = 4 } qsc_ats_status;

typedef struct qsc_translation_request {
    uint32_t size;
    uint32_t requester;
    uint64_t address; /**< of the first page; bits 11:0 are ignored */
    uint32_t entries; /**< translations asked for: 1 to QSC_TRANSLATIONS_MOST */
    uint32_t flags;   /**< QSC_PASID, _NO_WRITE; with QSC_PASID also _PRIVILEGED, _EXECUTE */
    uint32_t pasid;
    uint32_t reserved;
} qsc_translation_request;

/** Without QSC_READ and QSC_WRITE there is no translation, and address and bytes mean nothing. */
typedef struct qsc_translation {
    uint64_t address; /**< physical, of the first byte */
    uint64_t bytes;   /**< a power of two of at least 4 KiB */
    uint32_t flags;   /**< QSC_READ, _WRITE, _EXECUTE, _PRIVILEGED, _GLOBAL, _UNTRANSLATED_ONLY, _NO_SNOOP (PCIe's N) */
    uint32_t reserved;
    uint64_t word; /**< the entry as it is in a completion */
} qsc_translation;

typedef struct qsc_translation_result {
    uint32_t size;
    uint32_t status;  /**< qsc_ats_status */
    uint32_t entries; /**< that came: with QSC_ATS_SUCCESS 1 to as many as were asked for, else 0 */
    uint32_t reserved;
    uint64_t ended_ps;
} qsc_translation_result;

QSC_API int qsc_translate_start(qsc_platform platform, const qsc_translation_request* request,
                                qsc_operation* operation);
/** `entries` has room for as many as were asked for. */
QSC_API int qsc_translate_poll(qsc_platform platform, qsc_operation operation, qsc_translation* entries,
                               qsc_translation_result* result);
QSC_API int qsc_translate(qsc_platform platform, const qsc_translation_request* request, uint64_t limit_ps,
                          qsc_translation* entries, qsc_translation_result* result, qsc_operation* still);

/** An invalidate request, as it arrives at a device. */
typedef struct qsc_invalidation {
    uint32_t size;
    uint32_t tag; /**< what qsc_invalidation_complete() takes */
    uint32_t requester;
    uint32_t flags; /**< QSC_PASID; with it QSC_GLOBAL; QSC_EVERYTHING: address and bytes mean nothing */
    uint32_t pasid;
    uint32_t reserved;
    uint64_t address;
    uint64_t bytes; /**< a power of two of at least 4 KiB; the address is a multiple of it */
    uint64_t arrived_ps;
} qsc_invalidation;

/** The oldest that was not fetched; QSC_EMPTY if there is none. At most 32 of a requester are open at once. */
QSC_API int qsc_invalidation_next(qsc_platform platform, qsc_invalidation* invalidation);
/**
 * The device uses what was invalidated no longer. The IOMMU is told once the writes that the requester started before
 * have ended (those of QSC_MAY_WAIT excepted). Without this the IOMMU gives up after
 * platform.root_complex.invalidate_timeout. QSC_ERR_ARGUMENT: none of this tag is open.
 */
QSC_API int qsc_invalidation_complete(qsc_platform platform, uint32_t tag);
/**
 * From version 2 on: a completion that no invalidation waits for reaches the IOMMU, such as one that comes after it has
 * given up. A VT-d unit reports it (FSTS.ICE); an SMMUv3 has no error for it, and nothing happens.
 */
QSC_API int qsc_invalidation_complete_stray(qsc_platform platform, uint32_t requester);

typedef struct qsc_page_request_message {
    uint32_t size;
    uint32_t requester;
    uint64_t address; /**< of the page; bits 11:0 are ignored */
    uint32_t flags;   /**< QSC_READ, _WRITE, _LAST, _PASID; with QSC_PASID also _PRIVILEGED, _EXECUTE */
    uint32_t pasid;
    uint32_t group; /**< page request group index: 9 bits */
    uint32_t reserved;
} qsc_page_request_message;

/**
 * Over when the IOMMU has taken the message in, with its instant in `taken_ps` (may be null). What becomes of it shows
 * later, as a record in memory or as a response. QSC_PASID and QSC_LAST without QSC_READ and QSC_WRITE is a stop
 * marker, which is never answered.
 */
QSC_API int qsc_page_request_start(qsc_platform platform, const qsc_page_request_message* message,
                                   qsc_operation* operation);
QSC_API int qsc_page_request_poll(qsc_platform platform, qsc_operation operation, uint64_t* taken_ps);
QSC_API int qsc_page_request(qsc_platform platform, const qsc_page_request_message* message, uint64_t limit_ps,
                             uint64_t* taken_ps, qsc_operation* still);

/** Of a page group response (PCIe's numbers). */
typedef enum qsc_response_code {
    QSC_RESPONSE_SUCCESS = 0,
    QSC_RESPONSE_INVALID = 1,
    QSC_RESPONSE_FAILURE = 15
} qsc_response_code;

typedef struct qsc_page_response {
    uint32_t size;
    uint32_t requester;
    uint32_t flags; /**< QSC_PASID */
    uint32_t pasid;
    uint32_t group;
    uint32_t code; /**< qsc_response_code */
    uint64_t arrived_ps;
} qsc_page_response;

/** The oldest that was not fetched; QSC_EMPTY if there is none. */
QSC_API int qsc_page_response_next(qsc_platform platform, qsc_page_response* response);

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

typedef enum qsc_interrupt_kind { QSC_INTERRUPT_MESSAGE = 0, QSC_INTERRUPT_LINE = 1 } qsc_interrupt_kind;

/** Lines of an SMMUv3. A VT-d unit has none: each of its interrupts is a message. */
typedef enum qsc_smmuv3_line {
    QSC_SMMUV3_GERROR = 0,
    QSC_SMMUV3_EVENTQ = 1,
    QSC_SMMUV3_CMD_SYNC = 2,
    QSC_SMMUV3_PRIQ = 3,
    QSC_SMMUV3_SEV = 4
} qsc_smmuv3_line;

typedef struct qsc_interrupt {
    uint32_t size;
    uint32_t kind;    /**< qsc_interrupt_kind */
    uint64_t address; /**< of a message, which devices may write, too: where it was written to, */
    uint32_t data;    /**< and what */
    uint32_t line;    /**< on which there was an edge, counted from the IOMMU's first */
    uint64_t arrived_ps;
} qsc_interrupt;

/** The oldest that was not fetched; QSC_EMPTY if there is none. */
QSC_API int qsc_interrupt_next(qsc_platform platform, qsc_interrupt* interrupt);

/* ---- waiting for anything ---------------------------------------------------------------------------------------- */

typedef enum qsc_news {
    QSC_NEWS_INTERRUPT = 1,    /**< qsc_interrupt_next() has something */
    QSC_NEWS_INVALIDATION = 2, /**< qsc_invalidation_next() has */
    QSC_NEWS_PAGE_RESPONSE = 4 /**< qsc_page_response_next() has */
} qsc_news;

/**
 * Lets time go on until there is one of the `wanted` news (a sum of qsc_news), for `limit_ps` at most; 0 looks only.
 * `there` (may be null) gets those that there are. QSC_PENDING: none yet.
 */
QSC_API int qsc_wait_news(qsc_platform platform, uint32_t wanted, uint64_t limit_ps, uint32_t* there);

#ifdef __cplusplus
}
#endif

#endif
