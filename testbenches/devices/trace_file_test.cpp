// SPDX-License-Identifier: Apache-2.0
/// DMA traces as text: what a line says, what is wrong with one, and that the length of a file costs no memory.
#include "devices/trace_file.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::devices;

namespace {

/// A file of its own, gone at the end.
struct TraceOnDisk {
    explicit TraceOnDisk(const std::string& text)
        : path((std::filesystem::temp_directory_path() / ("quiesce-trace-" + std::to_string(::getpid()) + ".trace"))
                   .string()) {
        std::ofstream{path, std::ios::binary} << text;
    }
    ~TraceOnDisk() { std::filesystem::remove(path); }
    std::string path;
};

std::string check_text(const std::string& text, std::size_t limit = 1 << 20) {
    const TraceOnDisk disk(text);
    const TraceFile file(disk.path);
    std::string all;
    for (const TraceError& e : check_trace(file, limit).errors)
        all += (all.empty() ? "" : "; ") + std::to_string(e.line) + ":" + std::to_string(e.column) + " " + e.what;
    return all;
}
const std::string heading = "quiesce-dma-trace 1\nwho app0 7 none\n";

/// Resident bytes of this process.
u64 resident() {
    u64 total = 0, pages = 0;
    std::ifstream{"/proc/self/statm"} >> total >> pages;
    return pages * page_size;
}

} // namespace

TEST_CASE("a line says when, who, what, where and how much", "[devices][trace]") {
    struct Row {
        const char* line;
        i64 ps;
        unsigned actor;
        bool write, in_heap;
        u64 address;
        u32 bytes;
    };
    const Row row =
        GENERATE(Row{"0 app0 read heap+0x1000 64", 0, 0, false, true, 0x1000, 64},
                 Row{"1.5us app0 w heap+12 1", 1'500'000, 0, true, true, 12, 1},
                 Row{"17 7 r 0xffff00000000 4096", 17'000, 1, false, false, 0xffff00000000, 4096},
                 Row{"\t2.000001s  none\twrite 99 1048576 # a comment", 2'000'001'000'000, 2, true, false, 99, 1 << 20},
                 Row{"3ps app0 read heap+0 2\r", 3, 0, false, true, 0, 2});
    const TraceOnDisk disk(heading + row.line);
    const TraceFile file(disk.path);
    TraceReader reader(file);
    const auto line = reader.next();
    REQUIRE(line);
    CHECK(line->at.ps() == row.ps);
    CHECK(line->actor == row.actor);
    CHECK(line->write == row.write);
    CHECK(line->in_heap == row.in_heap);
    CHECK(line->address == row.address);
    CHECK(line->bytes == row.bytes);
    CHECK(line->line == 3);
    CHECK_FALSE(reader.next());
    CHECK_FALSE(reader.error());
}

TEST_CASE("the heading names processes, PASIDs and none", "[devices][trace]") {
    const TraceOnDisk disk(
        "# first a comment\n\nquiesce-dma-trace 1\n  who app0 7 none # and one here\n0 app0 read heap+0 1\n");
    const TraceFile file(disk.path);
    const TraceReader reader(file);
    REQUIRE(reader.actors().size() == 3);
    CHECK(reader.actors()[0].kind == TraceActor::Kind::Process);
    CHECK(reader.actors()[1].kind == TraceActor::Kind::Pasid);
    CHECK(reader.actors()[1].pasid == Pasid{7});
    CHECK(reader.actors()[2].kind == TraceActor::Kind::NoPasid);
}

TEST_CASE("what is wrong with a line is told with its place", "[devices][trace]") {
    struct Row {
        const char* line;
        const char* told;
    };
    const Row row = GENERATE(
        Row{"soon app0 read heap+0 64", "3:1 expected a time such as 120ns or 1.5us, got 'soon'"},
        Row{"5minutes app0 read heap+0 64", "3:1 expected a time such as 120ns or 1.5us, got '5minutes'"},
        Row{"1.5.2us app0 read heap+0 64", "3:1 expected a time such as 120ns or 1.5us, got '1.5.2us'"},
        Row{"0.0001ns app0 read heap+0 64", "3:1 expected a time such as 120ns or 1.5us, got '0.0001ns'"},
        Row{"99999999999999s app0 read heap+0 64", "3:1 expected a time such as 120ns or 1.5us, got '99999999999999s'"},
        Row{"0 app1 read heap+0 64", "3:3 expected a name of the 'who' line, got 'app1'"},
        Row{"0 app0 copy heap+0 64", "3:8 expected read or write, got 'copy'"},
        Row{"0 app0 read heap-8 64", "3:13 expected an address such as 0x1000 or heap+0x1000, got 'heap-8'"},
        Row{"0 7 read heap+8 64", "3:10 only a process has a heap: expected an address such as 0x1000, got 'heap+8'"},
        Row{"0 app0 read 0x10 0", "3:18 expected bytes between 1 and 1048576, got '0'"},
        Row{"0 app0 read 0x10 1048577", "3:18 expected bytes between 1 and 1048576, got '1048577'"},
        Row{"0 app0 read 0x10", "3:17 expected bytes between 1 and 1048576, got nothing"},
        Row{"0 app0 read 0x10 64 later", "3:21 expected the end of the line, got 'later'"},
        Row{"5us app0 read 0x10 64\n4999ns app0 read 0x10 64",
            "4:1 expected a time not before the line before, got '4999ns'"});
    CHECK(check_text(heading + row.line + "\n") == row.told);
}

TEST_CASE("all bad lines of a file are told in one pass, and good ones between them count", "[devices][trace]") {
    const TraceOnDisk disk(heading + "0 app0 read\n1 app0 read 0 1\n\nx\n2 app0 read 0 1\n");
    const TraceFile file(disk.path);
    const TraceCheck check = check_trace(file, 1 << 20);
    REQUIRE(check.errors.size() == 2);
    CHECK(check.errors[0].line == 3);
    CHECK(check.errors[1].line == 6);
    CHECK(check.errors[1].text == "x");
    CHECK(check.requests == 2);
    CHECK(check.whole);
}

TEST_CASE("a file that is no trace is told as such", "[devices][trace]") {
    CHECK(check_text("") == "0:0 it is no trace: expected 'quiesce-dma-trace 1'");
    CHECK(check_text("scenario: x\n") == "1:1 expected 'quiesce-dma-trace 1' before anything else");
    CHECK(check_text("quiesce-dma-trace 2\n") == "1:1 expected 'quiesce-dma-trace 1' before anything else");
    CHECK(check_text("quiesce-dma-trace 1\n") == "0:0 there is no 'who' line");
    CHECK(check_text("quiesce-dma-trace 1\nwho\n") == "2:1 who: expected names of processes, PASIDs or none");
    CHECK(check_text("quiesce-dma-trace 1\nwho a b a\n") == "2:9 'a' is there already");
    CHECK(check_text("quiesce-dma-trace 1\nwho 1048576\n") == "2:5 a PASID is between 0 and 1048575, got 1048576");
    CHECK(check_text(heading) == "0:0 it has no requests");
}

TEST_CASE("a file that cannot be read says why", "[devices][trace]") {
    CHECK_THROWS_WITH(TraceFile{"/nowhere/x.trace"}, "cannot read '/nowhere/x.trace': No such file or directory");
    CHECK_THROWS_WITH(TraceFile{"/tmp"}, "cannot read '/tmp': Is a directory");
}

TEST_CASE("of a large file only its beginning is checked, and the check says so", "[devices][trace]") {
    const std::string good = heading + "0 app0 read 0 1\n";
    const TraceOnDisk disk(good + "bad\n");
    const TraceFile file(disk.path);
    CHECK_FALSE(check_trace(file, good.size()).whole);
    CHECK(check_trace(file, good.size()).errors.empty());
    CHECK(check_trace(file, good.size() + 1).errors.size() == 1);
}

TEST_CASE("three million lines are read in flat memory, and again from the beginning", "[devices][trace]") {
    constexpr u64 lines = 3'000'000;
    const TraceOnDisk disk("");
    {
        std::FILE* out = std::fopen(disk.path.c_str(), "w");
        REQUIRE(out != nullptr);
        std::fputs(heading.c_str(), out);
        for (u64 n = 0; n < lines; ++n)
            std::fprintf(out, "%luns app0 %s heap+0x%lx %lu\n", n * 7, n % 3 == 0 ? "write" : "read", n * 64 % 0x40000,
                         64 + n % 4 * 64);
        std::fclose(out);
    }
    const TraceFile file(disk.path);
    REQUIRE(file.bytes().size() > 80'000'000);
    TraceReader reader(file);
    for (int pass = 0; pass < 2; ++pass) {
        const u64 before = resident();
        u64 most = before, read = 0, bytes = 0;
        const auto began = std::chrono::steady_clock::now();
        while (const auto line = reader.next()) {
            bytes += line->bytes;
            if (++read % 100'000 == 0) most = std::max(most, resident());
        }
        const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        WARN(static_cast<u64>(static_cast<double>(read) / s)
             << " lines a second, " << (most - before) / 1024 << " KiB more than before");
        CHECK(read == lines);
        CHECK(bytes == lines / 4 * (64 + 128 + 192 + 256));
        CHECK(most - before < 16u << 20); // the file has five times as many
        CHECK_FALSE(reader.error());
        reader.rewind();
    }
}
