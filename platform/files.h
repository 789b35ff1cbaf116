// SPDX-License-Identifier: Apache-2.0
/// Results on disk: whole or not at all; and where library scenarios live.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::platform {

/// Something could not be read or written: exit code 5.
class IoError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Writes beside the target and renames over it, so that a reader never sees half a file. Throws IoError.
void write_file(const std::filesystem::path& path, std::string_view content);
/// Takes a file away if it is there. Throws IoError.
void remove_file(const std::filesystem::path& path);
/// Creates the directory (and its parents) and makes sure that it can be written. Throws IoError.
void prepare_directory(const std::filesystem::path& dir);
/// A new, empty one, which goes with all that is in it. Throws IoError.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

struct LibraryScenario {
    std::string name;
    std::filesystem::path file;
};
/// The library's scenarios, by name. From $QUIESCE_SCENARIOS, the source tree or the installed share/quiesce/scenarios.
std::vector<LibraryScenario> library_scenarios();
/// The library's sweeps: beside the scenarios, in a directory `sweeps`.
std::vector<LibraryScenario> library_sweeps();

} // namespace quiesce::platform
