// SPDX-License-Identifier: Apache-2.0
#include "platform/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace quiesce::platform {
namespace fs = std::filesystem;

void write_file(const fs::path& path, std::string_view content) {
    const fs::path beside = path.string() + ".part" + std::to_string(::getpid());
    auto fail = [&](const char* what) {
        const std::string reason = std::strerror(errno);
        std::error_code ignored;
        fs::remove(beside, ignored);
        throw IoError("cannot " + std::string{what} + " " + path.string() + ": " + reason);
    };
    std::FILE* f = std::fopen(beside.c_str(), "wb");
    if (f == nullptr) fail("write");
    const bool whole = std::fwrite(content.data(), 1, content.size(), f) == content.size();
    if (std::fclose(f) != 0 || !whole) fail("write");
    if (std::rename(beside.c_str(), path.c_str()) != 0) fail("replace");
}

void remove_file(const fs::path& path) {
    std::error_code error;
    fs::remove(path, error);
    if (error) throw IoError("cannot remove " + path.string() + ": " + error.message());
}

void prepare_directory(const fs::path& dir) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) throw IoError("cannot create " + dir.string() + ": " + error.message());
    if (!fs::is_directory(dir)) throw IoError(dir.string() + " is not a directory");
    if (::access(dir.c_str(), W_OK) != 0) throw IoError("cannot write in " + dir.string() + ": " + std::strerror(errno));
}

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "quiesce-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw IoError(std::string{"cannot create a temporary directory: "} + std::strerror(errno));
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

namespace {
std::vector<fs::path> scenario_directories() {
    std::vector<fs::path> dirs;
    if (const char* env = std::getenv("QUIESCE_SCENARIOS")) dirs.emplace_back(env);
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    if (!error) dirs.push_back(self.parent_path().parent_path() / "share/quiesce/scenarios");
#ifdef QUIESCE_SCENARIO_DIR
    dirs.emplace_back(QUIESCE_SCENARIO_DIR);
#endif
    return dirs;
}

/// The first of the directories that has any.
std::vector<LibraryScenario> library_in(const std::vector<fs::path>& dirs) {
    std::vector<LibraryScenario> found;
    for (const fs::path& dir : dirs) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(dir, error))
            if (entry.path().extension() == ".yaml") found.push_back({entry.path().stem().string(), entry.path()});
        if (!found.empty()) break;
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return found;
}
} // namespace

std::vector<LibraryScenario> library_scenarios() { return library_in(scenario_directories()); }

std::vector<LibraryScenario> library_sweeps() {
    std::vector<fs::path> dirs = scenario_directories();
    for (fs::path& dir : dirs) dir = dir.parent_path() / "sweeps";
    return library_in(dirs);
}

} // namespace quiesce::platform
