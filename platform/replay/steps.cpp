// SPDX-License-Identifier: Apache-2.0
/// The steps of a vector: one row each.
#include "platform/replay/at.h"

namespace quiesce::platform {

Words read_words(const At& at) {
    Words words;
    for (std::size_t i = 0; i < at.size(); ++i) {
        const At pair = at[i];
        if (pair.size() != 2) pair.expected("an address and a value");
        words.emplace_back(word_address(pair[std::size_t{0}]), pair[1].hex());
    }
    return words;
}

namespace {

/// The byte where a register begins, and its size: 4 or 8 bytes, aligned.
template <class Step>
void read_register(const At& at, Step& step) {
    step.name = at.has("reg") ? at["reg"].text() : std::string{};
    step.offset = at["off"].hex();
    step.bytes = static_cast<unsigned>(at["size"].integer(0, ~0u));
    if (step.bytes != 4 && step.bytes != 8) at["size"].expected("4 or 8");
    if (step.offset % step.bytes != 0) at["off"].expected("a multiple of the size");
}
u64 all_of(unsigned bytes) { return bytes == 8 ? ~u64{0} : 0xffff'ffff; }

VectorStep read_store(const At& at) { return StoreStep{read_words(at["w"])}; }
VectorStep read_write(const At& at) {
    RegisterWrite w;
    read_register(at, w);
    w.value = at["val"].hex(all_of(w.bytes));
    return w;
}
VectorStep read_read(const At& at) {
    RegisterRead r;
    read_register(at, r);
    r.mask = at.has("mask") ? at["mask"].hex(all_of(r.bytes)) : all_of(r.bytes);
    return r;
}
bare::Who read_who(const At& at) {
    bare::Who who;
    if (at.has("pasid")) who.pasid = Pasid{static_cast<u32>(at["pasid"].integer(0, 0xf'ffff))};
    who.privileged = at.flag("privileged");
    who.execute = at.flag("execute");
    return who;
}
StreamId read_stream(const At& at) { return StreamId{static_cast<u32>(at["sid"].integer(0, 0xffff'ffff))}; }
/// True: "w".
bool read_direction(const At& at) {
    const std::string& direction = at["rw"].text();
    if (direction != "r" && direction != "w") at["rw"].expected("\"r\" or \"w\"");
    return direction == "w";
}

VectorStep read_dma(const At& at) {
    bare::Dma d;
    d.stream = read_stream(at);
    d.at = Iova{at["iova"].hex()};
    d.who = read_who(at);
    d.translated = at.flag("translated");
    d.write = read_direction(at);
    d.bytes = at["len"].integer(4, bare::Dma::most_bytes);
    if (d.at.page_offset() + d.bytes > page_size) at["len"].expected("an access that stays inside a 4 KiB page");
    if (!d.write) return d;
    const Bytes data = at["data"].bytes();
    if (data.size() != d.bytes) at["data"].expected(fmt::format("{} bytes, as len says", d.bytes));
    std::copy(data.begin(), data.end(), d.data.begin());
    return d;
}
VectorStep read_question(const At& at) {
    bare::Question q;
    q.stream = read_stream(at);
    q.at = Iova{at["iova"].hex()};
    q.who = read_who(at);
    q.write = read_direction(at);
    return q;
}
VectorStep read_page_request(const At& at) {
    const bare::Who who = read_who(at);
    iommu::PageRequestMessage m;
    m.stream = read_stream(at);
    m.has_pasid = who.pasid.has_value();
    m.pasid = who.pasid.value_or(Pasid{0});
    m.privileged = who.privileged;
    m.execute = who.execute;
    m.at = Iova{at["iova"].hex()};
    const std::string& direction = at["rw"].text();
    if (direction != "r" && direction != "w" && direction != "rw" && !direction.empty())
        at["rw"].expected("\"r\", \"w\", \"rw\", or \"\" of a stop marker");
    m.read = direction.find('r') != direction.npos;
    m.write = direction.find('w') != direction.npos;
    m.group = static_cast<u16>(at["group"].integer(0, 0x1ff));
    m.last = !at.has("last") || at["last"].boolean();
    return m;
}

struct StepRow {
    std::string_view op, keys;
    VectorStep (*read)(const At& at);
};
/// In the order of VectorStep's alternatives.
constexpr StepRow step_reader_table[] = {
    {"mem", "op w", read_store},
    {"wr", "op reg off size val", read_write},
    {"rd", "op reg off size mask", read_read},
    {"dma", "op sid pasid privileged execute translated iova rw len data", read_dma},
    {"translate", "op sid pasid privileged execute iova rw", read_question},
    {"page", "op sid pasid privileged execute iova rw group last", read_page_request},
};

} // namespace

std::string_view op_of(const VectorStep& s) { return step_reader_table[s.index()].op; }

VectorStep read_vector_step(const At& at, unsigned stream_bits) {
    const std::string& op = at["op"].text();
    for (const StepRow& row : step_reader_table) {
        if (row.op != op) continue;
        at.only(row.keys);
        VectorStep step = row.read(at);
        if (at.has("sid") && at["sid"].integer(0, ~0u) >> stream_bits != 0)
            at["sid"].expected(fmt::format("a stream of {} bits", stream_bits));
        return step;
    }
    at["op"].expected("mem, wr, rd, dma, translate or page");
}

} // namespace quiesce::platform
