// SPDX-License-Identifier: Apache-2.0
/// A database and its statements, closed on every path.
#pragma once
#include "base/types.h"

#include <filesystem>
#include <optional>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <string_view>

namespace quiesce::observe {

class Database {
public:
    Database(const std::filesystem::path& file, int flags) {
        if (sqlite3_open_v2(file.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK) return;
        const std::string why = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
        sqlite3_close(db_);
        throw std::runtime_error(file.string() + ": " + why);
    }
    Database(const Database&) = delete;
    ~Database() { sqlite3_close(db_); }
    void run(const char* sql) {
        if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    [[noreturn]] void fail() const { throw std::runtime_error(std::string{"events.sqlite: "} + sqlite3_errmsg(db_)); }
    sqlite3* get() { return db_; }

private:
    sqlite3* db_ = nullptr;
};

class Statement {
public:
    Statement(Database& db, const char* sql) : db_(db) {
        if (sqlite3_prepare_v2(db.get(), sql, -1, &s_, nullptr) != SQLITE_OK) db.fail();
    }
    Statement(const Statement&) = delete;
    ~Statement() { sqlite3_finalize(s_); }
    void bind(int n, std::optional<u64> v) {
        if (v) sqlite3_bind_int64(s_, n, static_cast<sqlite3_int64>(*v));
        else sqlite3_bind_null(s_, n);
    }
    /// The text has to stay until the next step().
    void bind(int n, std::string_view text) { sqlite3_bind_text(s_, n, text.data(), static_cast<int>(text.size()), SQLITE_STATIC); }
    /// True: there is a row.
    bool step() {
        const int code = sqlite3_step(s_);
        if (code != SQLITE_ROW && code != SQLITE_DONE) db_.fail();
        return code == SQLITE_ROW;
    }
    void reset() { sqlite3_reset(s_); }
    /// For statements that give no row.
    void done() {
        step();
        reset();
    }
    std::optional<u64> number(int column) const {
        if (sqlite3_column_type(s_, column) == SQLITE_NULL) return std::nullopt;
        return static_cast<u64>(sqlite3_column_int64(s_, column));
    }
    std::string text(int column) const {
        const auto* const t = reinterpret_cast<const char*>(sqlite3_column_text(s_, column));
        return t == nullptr ? "" : t;
    }

private:
    Database& db_;
    sqlite3_stmt* s_ = nullptr;
};

} // namespace quiesce::observe
