// SPDX-License-Identifier: Apache-2.0
/// DMA workloads from text files (traces/dma/README.md): mapped into memory and read one line after the other, so that
/// a trace of any length needs the same memory.
#pragma once
#include "base/address.h"
#include "sim/time.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::devices {

/// What is wrong with a trace, and where; line and column count from 1, line 0 means the file as a whole.
struct TraceError {
    u64 line = 0;
    u32 column = 0;
    std::string what;
    std::string text{}; ///< the line, cut where it is very long
};

/// A name that the lines of a trace use: a process of the scenario, a PASID, or none.
struct TraceActor {
    enum class Kind : u8 { Process, Pasid, NoPasid } kind = Kind::Process;
    std::string name;
    Pasid pasid{};
};

/// One request.
struct TraceLine {
    sim::Duration at{}; ///< since the beginning of the trace
    unsigned actor = 0; ///< index into TraceReader::actors()
    bool write = false;
    bool in_heap = false; ///< `address` counts from the beginning of the process's heap
    u64 address = 0;
    u32 bytes = 0;
    u64 line = 0;
};

/// A file's bytes, read-only. Throws std::runtime_error, with the reason, if it cannot be read.
class TraceFile {
public:
    explicit TraceFile(const std::string& path);
    ~TraceFile();
    TraceFile(const TraceFile&) = delete;
    const std::string& path() const { return path_; }
    std::string_view bytes() const { return {data_, size_}; }
    /// What is in [from, to) is not needed any more: its pages need not stay in memory.
    void done_with(std::size_t from, std::size_t to) const;

private:
    std::string path_;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
};

inline constexpr unsigned most_trace_actors = 64; ///< as many as a device has queues
inline constexpr u32 largest_trace_request = 1u << 20;

/// Reads the heading at once and then line by line. After a bad line it goes on with the next one.
class TraceReader {
public:
    explicit TraceReader(const TraceFile& file);

    const std::vector<TraceActor>& actors() const { return actors_; }
    /// The next request; nothing at the end of the file, and where error() says what is wrong with a line.
    std::optional<TraceLine> next();
    /// Of the last next(), or of the heading; it is over with the next call.
    const std::optional<TraceError>& error() const { return error_; }
    bool at_end() const { return at_ >= text_.size(); }
    std::size_t offset() const { return at_; }
    /// Back to the first request.
    void rewind();

private:
    std::string_view take_line();
    std::string_view word(std::string_view line, std::size_t& at) const;
    void fail(std::size_t column, std::string what, std::string_view line);
    void read_heading();
    void add_actor(std::string_view word, std::size_t column, std::string_view line);
    bool parse(std::string_view line, TraceLine& into);
    bool parse_time(std::string_view word, sim::Duration& into) const;

    const TraceFile& file_;
    std::string_view text_;
    std::vector<TraceActor> actors_;
    std::size_t at_ = 0, first_request_ = 0, released_ = 0;
    u64 line_ = 0, lines_before_ = 0;
    sim::Duration last_{};
    std::optional<TraceError> error_;
};

/// Everything that is wrong with the first `limit` bytes of a trace, at most `most` errors. `whole`: that was all of
/// it.
struct TraceCheck {
    std::vector<TraceError> errors;
    std::vector<TraceActor> actors;
    u64 requests = 0;
    bool whole = true;
};
TraceCheck check_trace(const TraceFile& file, std::size_t limit, std::size_t most = 100);

} // namespace quiesce::devices
