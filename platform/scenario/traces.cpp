// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/traces.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

/// Of a file that is too large to be kept: the lines that are shown, at their places.
SourcePtr lines_with_errors(const std::string& path, const std::vector<devices::TraceError>& errors) {
    std::string text;
    u64 line = 1;
    for (const devices::TraceError& e : errors) {
        for (; line < e.line; ++line) text += '\n';
        text += e.text;
    }
    return std::make_shared<Source>(path, text);
}

Mark place_in(const SourcePtr& source, const devices::TraceError& e) {
    return {source, static_cast<std::uint32_t>(e.line), e.column};
}

} // namespace

Mark mark_of(const std::string& path, const devices::TraceError& error) {
    return place_in(lines_with_errors(path, {error}), error);
}

void resolve_trace(devices::TracePlayerConfig& config, const std::filesystem::path& folder) {
    const std::filesystem::path path = config.trace.get();
    if (path.empty() || path.is_absolute()) return;
    config.trace = std::filesystem::weakly_canonical(std::filesystem::current_path() / folder / path).string();
}

void check_trace_file(const std::string& name, const devices::TracePlayerConfig& config, const Node& root,
                      Diagnostics& out) {
    const Mark at = place_of(root, {"devices", name, "trace"});
    if (config.trace.get().empty())
        return out.error(at, fmt::format("devices.{}: a trace-player needs a trace: say `trace: FILE`", name));
    try {
        const devices::TraceFile file(config.trace.get());
        const devices::TraceCheck check = devices::check_trace(file, largest_file);
        const SourcePtr source = lines_with_errors(file.path(), check.errors);
        for (const devices::TraceError& e : check.errors) out.error(place_in(source, e), e.what);
        if (!check.whole && check.errors.empty())
            out.warning(
                at, fmt::format(
                        "devices.{}: the trace has {} MiB: the first {} MiB were checked, the rest is as it is played",
                        name, file.bytes().size() >> 20, largest_file >> 20));
        const auto processes =
            std::count_if(check.actors.begin(), check.actors.end(),
                          [](const devices::TraceActor& a) { return a.kind == devices::TraceActor::Kind::Process; });
        if (processes > static_cast<std::ptrdiff_t>(config.work.queues.get()))
            out.error(at, fmt::format(
                              "devices.{}: the trace names {} processes, the device has {} queues (devices.{}.queues)",
                              name, processes, config.work.queues.get(), name));
        if (processes == 0)
            out.error(at, fmt::format("devices.{}: the trace names no process, so that nothing begins it", name));
    } catch (const std::runtime_error& e) { out.error(at, fmt::format("devices.{}: {}", name, e.what())); }
}

std::vector<std::string> processes_of(const devices::TracePlayerConfig& config) {
    std::vector<std::string> names;
    try {
        const devices::TraceFile file(config.trace.get());
        const devices::TraceReader reader(file);
        for (const devices::TraceActor& a : reader.actors())
            if (a.kind == devices::TraceActor::Kind::Process) names.push_back(a.name);
    } catch (const std::runtime_error&) { // check_trace_file says why
    }
    return names;
}

} // namespace quiesce::platform
