// SPDX-License-Identifier: Apache-2.0
/// The functions of quiesce/cosim.h that are about devices, and about what they and software are told.
#include "platform/cosim/calls.h"

#include <cstring>
#include <deque>
#include <fmt/format.h>

namespace {

using namespace quiesce;
using namespace quiesce::platform::cosim;

template <class T>
int next_of(std::deque<T>& arrived, T* to) {
    if (arrived.empty()) return QSC_EMPTY;
    give(to, arrived.front());
    arrived.pop_front();
    return QSC_OK;
}

void fetch_dma(Machine& m, Operation& op, void* into, qsc_dma_result* result) {
    const bool has_data = (op.dma.flags & QSC_WRITE) == 0 && op.dma_result.ending <= QSC_ZEROED;
    if (has_data) require_pointer(into, "into");
    if (has_data) std::memcpy(into, op.data.data(), op.data.size());
    give(result, op.dma_result);
    m.operations().release(op);
}

void fetch_translation(Machine& m, Operation& op, qsc_translation* entries, qsc_translation_result* result) {
    qsc_translation_result r{};
    r.status = op.completion.status == pcie::CompletionStatus::Success          ? QSC_ATS_SUCCESS
               : op.completion.status == pcie::CompletionStatus::CompleterAbort ? QSC_ATS_ABORT
                                                                                : QSC_ATS_UNSUPPORTED;
    r.entries = static_cast<uint32_t>(op.completion.entries.size());
    r.ended_ps = static_cast<uint64_t>(op.ended.ps());
    for (uint32_t i = 0; i < r.entries; ++i) entries[i] = translation_of(op.completion.entries[i]);
    give(result, r);
    m.operations().release(op);
}

void fetch_instant(Machine& m, Operation& op, uint64_t* ps) {
    if (ps != nullptr) *ps = static_cast<uint64_t>(op.ended.ps());
    m.operations().release(op);
}

} // namespace

extern "C" {

int qsc_dma_start(qsc_platform platform, const qsc_dma_request* request, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(request, "request")).id;
        return QSC_OK;
    });
}

int qsc_dma_poll(qsc_platform platform, qsc_operation operation, void* into, qsc_dma_result* result) {
    return with(platform, [&](Machine& m) {
        check_structure(result, "result");
        return poll(m, operation, OperationKind::Dma, [&](Operation& op) { fetch_dma(m, op, into, result); });
    });
}

int qsc_dma(qsc_platform platform, const qsc_dma_request* request, uint64_t limit_ps, void* into,
            qsc_dma_result* result, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        check_structure(result, "result");
        const qsc_dma_request r = taken(request, "request");
        if ((r.flags & QSC_WRITE) == 0) require_pointer(into, "into");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_dma(m, op, into, result); });
    });
}

int qsc_device_set(qsc_platform platform, uint32_t requester, uint32_t features) {
    return with(platform, [&](Machine& m) {
        m.set_features(requester, features);
        return QSC_OK;
    });
}

int qsc_translate_start(qsc_platform platform, const qsc_translation_request* request, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(request, "request")).id;
        return QSC_OK;
    });
}

int qsc_translate_poll(qsc_platform platform, qsc_operation operation, qsc_translation* entries,
                       qsc_translation_result* result) {
    return with(platform, [&](Machine& m) {
        require_pointer(entries, "entries");
        check_structure(result, "result");
        return poll(m, operation, OperationKind::Translation,
                    [&](Operation& op) { fetch_translation(m, op, entries, result); });
    });
}

int qsc_translate(qsc_platform platform, const qsc_translation_request* request, uint64_t limit_ps,
                  qsc_translation* entries, qsc_translation_result* result, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        require_pointer(entries, "entries");
        check_structure(result, "result");
        const qsc_translation_request r = taken(request, "request");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_translation(m, op, entries, result); });
    });
}

int qsc_invalidation_next(qsc_platform platform, qsc_invalidation* invalidation) {
    return with(platform, [&](Machine& m) {
        check_structure(invalidation, "invalidation");
        return next_of(m.requesters().invalidations, invalidation);
    });
}

int qsc_invalidation_complete(qsc_platform platform, uint32_t tag) {
    return with(platform, [&](Machine& m) {
        if (m.requesters().complete(tag)) return QSC_OK;
        throw Refusal(QSC_ERR_ARGUMENT, fmt::format("no invalidation with tag {} is open", tag));
    });
}

int qsc_invalidation_complete_stray(qsc_platform platform, uint32_t requester) {
    return with(platform, [&](Machine& m) {
        m.complete_stray(requester);
        return QSC_OK;
    });
}

int qsc_page_request_start(qsc_platform platform, const qsc_page_request_message* message, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(message, "message")).id;
        return QSC_OK;
    });
}

int qsc_page_request_poll(qsc_platform platform, qsc_operation operation, uint64_t* taken_ps) {
    return with(platform, [&](Machine& m) {
        return poll(m, operation, OperationKind::PageRequest, [&](Operation& op) { fetch_instant(m, op, taken_ps); });
    });
}

int qsc_page_request(qsc_platform platform, const qsc_page_request_message* message, uint64_t limit_ps,
                     uint64_t* taken_ps, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        const qsc_page_request_message r = taken(message, "message");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_instant(m, op, taken_ps); });
    });
}

int qsc_page_response_next(qsc_platform platform, qsc_page_response* response) {
    return with(platform, [&](Machine& m) {
        check_structure(response, "response");
        return next_of(m.requesters().responses, response);
    });
}

int qsc_interrupt_next(qsc_platform platform, qsc_interrupt* interrupt) {
    return with(platform, [&](Machine& m) {
        check_structure(interrupt, "interrupt");
        return next_of(m.interrupts(), interrupt);
    });
}

} // extern "C"
