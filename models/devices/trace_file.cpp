// SPDX-License-Identifier: Apache-2.0
#include "devices/trace_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quiesce::devices {
namespace {
constexpr std::string_view magic = "quiesce-dma-trace";
constexpr std::size_t release_step = 4u << 20; // pages behind the reader go in steps of so many bytes

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

template <class T>
bool number(std::string_view word, T& into, int base = 10) {
    const auto end = word.data() + word.size();
    const auto r = std::from_chars(word.data(), end, into, base);
    return !word.empty() && r.ec == std::errc{} && r.ptr == end;
}
bool address(std::string_view word, u64& into) {
    return word.substr(0, 2) == "0x" ? number(word.substr(2), into, 16) : number(word, into);
}

/// Bytes that end with the first of a line's "#".
std::string_view without_comment(std::string_view line) { return line.substr(0, line.find('#')); }

struct TimeUnit {
    std::string_view name;
    i64 ps;
};
constexpr TimeUnit time_units[] = {
    {"ns", 1'000}, {"us", 1'000'000}, {"ms", 1'000'000'000}, {"ps", 1}, {"s", 1'000'000'000'000}};
} // namespace

// ---- the file -------------------------------------------------------------------------------------------------------

TraceFile::TraceFile(const std::string& path) : path_(path) {
    const auto refuse = [&] { throw std::runtime_error("cannot read '" + path + "': " + std::strerror(errno)); };
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) refuse();
    struct stat about {};
    if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        if (S_ISDIR(about.st_mode))
            errno = EISDIR;
        else if (errno == 0)
            errno = EINVAL;
        ::close(fd);
        refuse();
    }
    size_ = static_cast<std::size_t>(about.st_size);
    void* const at = size_ == 0 ? nullptr : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    ::close(fd);
    if (at == MAP_FAILED) refuse();
    if (at == nullptr) return;
    data_ = static_cast<const char*>(at);
    ::madvise(at, size_, MADV_SEQUENTIAL);
}

TraceFile::~TraceFile() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

void TraceFile::done_with(std::size_t from, std::size_t to) const {
    const std::size_t first = from & ~(page_size - 1), last = to & ~(page_size - 1);
    if (last > first) ::madvise(const_cast<char*>(data_) + first, last - first, MADV_DONTNEED);
}

// ---- lines ----------------------------------------------------------------------------------------------------------

TraceReader::TraceReader(const TraceFile& file) : file_(file), text_(file.bytes()) {
    read_heading();
    first_request_ = at_;
    lines_before_ = line_;
}

void TraceReader::rewind() {
    at_ = first_request_;
    line_ = lines_before_;
    last_ = {};
    released_ = 0;
    error_.reset();
}

/// Without its end; a reader that has come far lets go of what is behind it.
std::string_view TraceReader::take_line() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    ++line_;
    if (at_ - released_ >= release_step) {
        file_.done_with(released_, at_);
        released_ = at_;
    }
    return line;
}

std::string_view TraceReader::word(std::string_view line, std::size_t& at) const {
    while (at < line.size() && is_space(line[at])) ++at;
    const std::size_t first = at;
    while (at < line.size() && !is_space(line[at])) ++at;
    return line.substr(first, at - first);
}

void TraceReader::fail(std::size_t column, std::string what, std::string_view line) {
    error_ = TraceError{line_, static_cast<u32>(column + 1), std::move(what), std::string{line.substr(0, 160)}};
}

/// `quiesce-dma-trace 1`, then `who NAME...`; comments and empty lines between them.
void TraceReader::read_heading() {
    bool version_seen = false;
    while (!at_end()) {
        const std::string_view raw_line = take_line(), line = without_comment(raw_line);
        std::size_t at = 0;
        const std::string_view first = word(line, at);
        if (first.empty()) continue;
        if (!version_seen) {
            const std::string_view version = word(line, at);
            if (first != magic || version != "1")
                return fail(0, "expected '" + std::string{magic} + " 1' before anything else", raw_line);
            version_seen = true;
            continue;
        }
        if (first != "who") return fail(0, "expected 'who NAME...' before the first request", raw_line);
        for (std::string_view name = word(line, at); !name.empty() && !error_; name = word(line, at))
            add_actor(name, static_cast<std::size_t>(name.data() - line.data()), raw_line);
        if (actors_.empty() && !error_) fail(0, "who: expected names of processes, PASIDs or none", raw_line);
        return;
    }
    error_ = TraceError{
        0, 0, version_seen ? "there is no 'who' line" : "it is no trace: expected '" + std::string{magic} + " 1'"};
}

void TraceReader::add_actor(std::string_view name, std::size_t column, std::string_view line) {
    const auto same = [&](const TraceActor& a) { return a.name == name; };
    if (std::any_of(actors_.begin(), actors_.end(), same))
        return fail(column, "'" + std::string{name} + "' is there already", line);
    if (actors_.size() == most_trace_actors)
        return fail(column, "at most " + std::to_string(most_trace_actors) + " names", line);
    TraceActor a;
    a.name = name;
    u32 pasid = 0;
    if (name == "none") {
        a.kind = TraceActor::Kind::NoPasid;
    } else if (number(name, pasid)) {
        if (pasid > 0xfffff) return fail(column, "a PASID is between 0 and 1048575, got " + a.name, line);
        a.kind = TraceActor::Kind::Pasid;
        a.pasid = Pasid{pasid};
    } else if (name.front() >= '0' && name.front() <= '9') {
        return fail(column, "expected the name of a process, a PASID such as 7, or none, got '" + a.name + "'", line);
    }
    actors_.push_back(std::move(a));
}

std::optional<TraceLine> TraceReader::next() {
    error_.reset();
    while (!at_end()) {
        const std::string_view raw_line = take_line();
        const std::string_view line = without_comment(raw_line);
        TraceLine request;
        std::size_t at = 0;
        if (word(line, at).empty()) continue;
        if (!parse(line, request)) {
            error_->text = std::string{raw_line.substr(0, 160)};
            return std::nullopt;
        }
        return request;
    }
    return std::nullopt;
}

/// A decimal number with a unit; without one, whole nanoseconds.
bool TraceReader::parse_time(std::string_view word, sim::Duration& into) const {
    const std::size_t digits = std::min(word.find_first_not_of("0123456789."), word.size());
    const std::string_view unit = word.substr(digits);
    i64 scale = unit.empty() ? 1'000 : 0;
    for (const TimeUnit& u : time_units)
        if (u.name == unit) scale = u.ps;
    const std::size_t dot = std::min(word.find('.'), digits);
    u64 whole = 0;
    if (scale == 0 || !number(word.substr(0, dot), whole) ||
        whole > static_cast<u64>(9'000'000'000'000'000'000 / scale))
        return false;
    i64 ps = static_cast<i64>(whole) * scale;
    i64 place = scale;
    for (std::size_t i = dot + 1; i < digits; ++i) {
        place /= 10;
        if (word[i] == '.' || (place == 0 && word[i] != '0')) return false;
        ps += place * (word[i] - '0');
    }
    if (dot + 1 == digits) return false;
    into = sim::Duration::ps(ps);
    return true;
}

bool TraceReader::parse(std::string_view line, TraceLine& r) {
    std::size_t at = 0;
    std::string_view w;
    const auto column = [&] {
        return w.data() == nullptr ? line.size() : static_cast<std::size_t>(w.data() - line.data());
    };
    const auto wrong = [&](std::string what) {
        const std::string got = w.empty() ? "nothing" : "'" + std::string{w.substr(0, 40)} + "'";
        fail(column(), std::move(what) + ", got " + got, line);
        return false;
    };
    r.line = line_;
    w = word(line, at);
    if (!parse_time(w, r.at)) return wrong("expected a time such as 120ns or 1.5us");
    if (r.at < last_) return wrong("expected a time not before the line before");
    w = word(line, at);
    while (r.actor < actors_.size() && actors_[r.actor].name != w) ++r.actor;
    if (r.actor == actors_.size()) return wrong("expected a name of the 'who' line");
    w = word(line, at);
    r.write = w == "write" || w == "w";
    if (!r.write && w != "read" && w != "r") return wrong("expected read or write");
    w = word(line, at);
    r.in_heap = w.substr(0, 5) == "heap+";
    if (!address(r.in_heap ? w.substr(5) : w, r.address))
        return wrong("expected an address such as 0x1000 or heap+0x1000");
    if (r.in_heap && actors_[r.actor].kind != TraceActor::Kind::Process)
        return wrong("only a process has a heap: expected an address such as 0x1000");
    w = word(line, at);
    if (!number(w, r.bytes) || r.bytes == 0 || r.bytes > largest_trace_request)
        return wrong("expected bytes between 1 and " + std::to_string(largest_trace_request));
    w = word(line, at);
    if (!w.empty()) return wrong("expected the end of the line");
    last_ = r.at;
    return true;
}

TraceCheck check_trace(const TraceFile& file, std::size_t limit, std::size_t most) {
    TraceCheck check;
    TraceReader reader(file);
    check.actors = reader.actors();
    if (reader.error()) {
        check.errors.push_back(*reader.error());
        return check;
    }
    while (!reader.at_end() && reader.offset() < limit && check.errors.size() < most) {
        const auto line = reader.next();
        check.requests += line.has_value();
        if (reader.error()) check.errors.push_back(*reader.error());
    }
    check.whole = reader.at_end();
    if (check.requests == 0 && check.errors.empty()) check.errors.push_back({0, 0, "it has no requests"});
    return check;
}

} // namespace quiesce::devices
