// SPDX-License-Identifier: Apache-2.0
#include "observe/event_store.h"

#include "observe/sqlite.h"
#include "observe/sqlite_file.h"
#include "observe/transactions.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <unistd.h>

namespace quiesce::observe {
namespace {

// ---- fields as JSON -------------------------------------------------------------------------------------------------

/// Writes at a place that has room for it: what a value takes at most is known before.
constexpr std::size_t number_room = 24, escaped_room = 6;

char* put_text(char* to, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    *to++ = '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') *to++ = '\\';
        if (static_cast<unsigned char>(c) >= 0x20) *to++ = c;
        else for (const char d : {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]}) *to++ = d;
    }
    *to++ = '"';
    return to;
}
template <class V> char* put_value(char* to, const V& v) {
    const auto number = [to](auto n) { return std::to_chars(to, to + number_room, n).ptr; };
    if constexpr (base::is_aside<V>) return put_value(to, v.what);
    else if constexpr (std::same_as<V, base::Name>) return put_text(to, v.text());
    else if constexpr (std::same_as<V, bool>) return std::copy_n(v ? "true" : "false", v ? 4 : 5, to);
    else if constexpr (std::same_as<V, sim::Time>) return number(v.ps());
    else if constexpr (base::NamedEnum<V>) return put_text(to, base::enum_text(v));
    else if constexpr (std::is_enum_v<V>) return number(static_cast<u64>(v));
    else if constexpr (std::integral<V>) return number(v);
    else return number(static_cast<u64>(v.value()));
}
template <class V> std::size_t value_room(const V& v) {
    if constexpr (base::is_aside<V>) return value_room(v.what);
    else if constexpr (std::same_as<V, base::Name>) return 2 + escaped_room * v.text().size();
    else if constexpr (base::NamedEnum<V>) return 2 + escaped_room * base::enum_text(v).size();
    else return number_room;
}

// ---- fields as columns ----------------------------------------------------------------------------------------------

template <class V> std::optional<u64> as_number(const V& v) {
    if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
    else if constexpr (std::integral<V>) return static_cast<u64>(v);
    else if constexpr (requires { { v.value() } -> std::convertible_to<u64>; }) return static_cast<u64>(v.value());
    else return std::nullopt;
}

/// Fields by which rows are found.
struct Columns {
    std::optional<u64> bond{}, mm{}, page{}, transaction{}, device{}, began{};

    template <class E> explicit Columns(const E& e) {
        if constexpr (requires { e.bond; }) bond = as_number(e.bond);
        if constexpr (requires { e.mm; }) mm = as_number(e.mm);
        if constexpr (requires { e.owner; }) mm = as_number(e.owner);
        if constexpr (requires { e.aimed_at; }) page = as_number(e.aimed_at);
        if constexpr (requires { e.page; }) page = as_number(e.page);
        if constexpr (requires { e.transaction; }) transaction = as_number(e.transaction);
        if constexpr (requires { e.device_id; }) device = as_number(e.device_id);
        else if constexpr (requires { e.device; }) device = as_number(e.device);
        if constexpr (requires { e.start; }) began = began_at(e.start);
        if constexpr (requires { e.began; }) began = began_at(e.began);
        if constexpr (requires { e.since; }) began = began_at(e.since);
        if constexpr (requires { e.asked; }) began = began_at(e.asked);
        if (page) *page = *page / page_size * page_size;
    }
    static std::optional<u64> began_at(sim::Time t) { return static_cast<u64>(t.ps()); }
};

// ---- tables ---------------------------------------------------------------------------------------------------------

/// Rows are filled in later (sqlite_file.h), those of indices, too.
constexpr const char* store_schema =
    "PRAGMA page_size=16384; PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE kinds(kind TEXT PRIMARY KEY, emitted INTEGER NOT NULL, kept INTEGER NOT NULL);"
    "CREATE TABLE whys(why TEXT PRIMARY KEY, meaning TEXT NOT NULL);"
    "CREATE TABLE events(id INTEGER PRIMARY KEY, time_ps INTEGER NOT NULL, kind TEXT NOT NULL, bond INTEGER, mm INTEGER, "
    "page INTEGER, txn INTEGER, fields TEXT NOT NULL, began_ps INTEGER, device INTEGER);"
    "CREATE TABLE transactions(id INTEGER PRIMARY KEY, bond INTEGER, device INTEGER, kind TEXT, address INTEGER, bytes INTEGER, "
    "began_ps INTEGER NOT NULL, ended_ps INTEGER NOT NULL, outcome TEXT, first_event INTEGER NOT NULL REFERENCES events(id), "
    "last_event INTEGER NOT NULL REFERENCES events(id), asked_by INTEGER);"
    "CREATE TABLE causes(effect INTEGER NOT NULL REFERENCES events(id), cause INTEGER NOT NULL REFERENCES events(id), "
    "why TEXT NOT NULL REFERENCES whys(why), PRIMARY KEY(effect, cause)) WITHOUT ROWID;"
    "CREATE INDEX events_by_time ON events(time_ps);"
    "CREATE INDEX events_by_bond ON events(bond) WHERE bond IS NOT NULL;"
    "CREATE INDEX events_by_txn ON events(txn) WHERE txn IS NOT NULL;"
    "BEGIN";

void write_about(Database& db, const EventLog& log, const std::string& fingerprint) {
    Statement meta(db, "INSERT INTO meta VALUES(?, ?)");
    const std::string left_out = std::to_string(log.left_out());
    for (const auto& [key, value] : {std::pair<std::string_view, std::string_view>{"fingerprint", fingerprint}, {"left_out", left_out}}) {
        meta.bind(1, key);
        meta.bind(2, value);
        meta.done();
    }
    Statement kinds(db, "INSERT INTO kinds VALUES(?, ?, ?)");
    base::for_each_type<AllEvents>([&](auto type) {
        using E = typename decltype(type)::type;
        const EventLog::Counts& c = log.counts()[event_type<E>];
        kinds.bind(1, E::event_name);
        kinds.bind(2, std::optional{c.emitted});
        kinds.bind(3, std::optional{c.kept});
        kinds.done();
    });
    Statement whys(db, "INSERT INTO whys VALUES(?, ?)");
    for (const CauseRow& row : cause_rows) {
        whys.bind(1, row.name);
        whys.bind(2, row.meaning);
        whys.done();
    }
}

/// Where each table and index begins.
std::map<std::string, u32> find_roots(Database& db) {
    std::map<std::string, u32> roots;
    Statement all(db, "SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0");
    while (all.step()) roots[all.text(0)] = static_cast<u32>(all.number(1).value_or(0));
    return roots;
}

class StoreWriter {
public:
    StoreWriter(const std::filesystem::path& file, std::map<std::string, u32> roots) : file_(file), roots_(std::move(roots)) {}

    void events(const std::vector<LoggedEvent>& rows) {
        SqliteTable table(file_, roots_.at("events"));
        Entries by_time, by_bond, by_transaction;
        std::string fields;
        for (const LoggedEvent& row : rows) {
            const i64 id = static_cast<i64>(row.id);
            fields.clear();
            append_fields(fields, row);
            visit(row, [&](const auto& e) {
                const Columns c(e);
                record_.clear();
                record_.null();
                record_.number(row.at.ps());
                record_.text(std::remove_cvref_t<decltype(e)>::event_name);
                for (const auto& v : {c.bond, c.mm, c.page, c.transaction}) record_.number(v);
                record_.text(fields);
                record_.number(c.began);
                record_.number(c.device);
                if (c.bond) by_bond.emplace_back(*c.bond, id);
                if (c.transaction) by_transaction.emplace_back(*c.transaction, id);
            });
            by_time.emplace_back(row.at.ps(), id);
            table.add(id, record_);
        }
        table.close();
        index("events_by_time", by_time);
        index("events_by_bond", by_bond);
        index("events_by_txn", by_transaction);
    }

    void transactions(std::vector<Transaction> all) {
        std::sort(all.begin(), all.end(), [](const Transaction& a, const Transaction& b) { return a.id < b.id; });
        SqliteTable table(file_, roots_.at("transactions"));
        const auto text_or_null = [this](std::string_view text) { text.empty() ? record_.null() : record_.text(text); };
        for (const Transaction& t : all) {
            record_.clear();
            record_.null();
            record_.number(t.bond);
            record_.number(t.device);
            text_or_null(t.kind);
            record_.number(t.address);
            record_.number(t.bytes);
            record_.number(t.began.ps());
            record_.number(t.ended.ps());
            text_or_null(t.outcome);
            record_.number(std::optional{t.first_event});
            record_.number(std::optional{t.last_event});
            record_.number(t.asked_by);
            table.add(static_cast<i64>(t.id), record_);
        }
        table.close();
    }

    /// They come in the order of their effects.
    void causes(std::vector<Cause> all) {
        for (auto first = all.begin(); first != all.end();) {
            const auto end = std::find_if(first, all.end(), [&](const Cause& c) { return c.effect != first->effect; });
            std::sort(first, end, [](const Cause& a, const Cause& b) { return a.cause < b.cause; });
            first = end;
        }
        SqliteIndex table(file_, roots_.at("causes"));
        for (const Cause& c : all) {
            record_.clear();
            record_.number(std::optional{c.effect});
            record_.number(std::optional{c.cause});
            record_.text(cause_rows[static_cast<std::size_t>(c.why)].name);
            table.add(record_);
        }
        table.close();
    }
    void close() { file_.close(); }

private:
    using Entries = std::vector<std::pair<i64, i64>>; ///< what is looked for, and the row

    void index(const char* name, Entries& entries) {
        if (!std::is_sorted(entries.begin(), entries.end())) std::sort(entries.begin(), entries.end());
        SqliteIndex index(file_, roots_.at(name));
        for (const auto& [key, row] : entries) {
            record_.clear();
            record_.number(key);
            record_.number(row);
            index.add(record_);
        }
        index.close();
    }

    SqliteFile file_;
    std::map<std::string, u32> roots_;
    SqliteRecord record_;
};
} // namespace

void append_fields(std::string& out, const LoggedEvent& row) {
    visit(row, [&](const auto& e) {
        std::size_t room = 2;
        base::for_each_field(e, [&](std::string_view name, const auto& v) { room += name.size() + 4 + value_room(v); });
        const std::size_t begin = out.size();
        out.resize(begin + room);
        char* to = out.data() + begin;
        char before = '{';
        base::for_each_field(e, [&](std::string_view name, const auto& v) {
            *to++ = before;
            before = ',';
            *to++ = '"';
            to = std::copy(name.begin(), name.end(), to);
            *to++ = '"';
            *to++ = ':';
            to = put_value(to, v);
        });
        if (before == '{') *to++ = '{';
        *to++ = '}';
        out.resize(static_cast<std::size_t>(to - out.data()));
    });
}

void write_events(const EventLog& log, const std::filesystem::path& file, const std::string& fingerprint) {
    const std::vector<LoggedEvent> rows = log.rows();
    const std::filesystem::path beside = file.string() + ".part" + std::to_string(::getpid());
    std::filesystem::remove(beside);
    std::map<std::string, u32> roots;
    {
        Database db(beside, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        db.run(store_schema);
        write_about(db, log, fingerprint);
        db.run("COMMIT");
        roots = find_roots(db);
    }
    StoreWriter store(beside, std::move(roots));
    store.events(rows);
    store.transactions(find_transactions(rows));
    store.causes(find_causes(rows));
    store.close();
    std::filesystem::rename(beside, file);
}

std::vector<StoredEvent> read_events(const std::filesystem::path& file, std::span<const std::string_view> kinds) {
    Database db(file, SQLITE_OPEN_READONLY);
    std::string sql = "SELECT time_ps, kind, bond, mm, page, txn, fields, id FROM events WHERE kind ";
    if (kinds.empty()) sql += "NOT IN ('LevelChanged', 'StateChanged', 'Span', 'CpuRuns', 'CpuSpent', 'CreditStalled'";
    for (std::size_t n = 0; n < kinds.size(); ++n) (sql += n == 0 ? "IN ('" : ", '") += std::string{kinds[n]} + "'";
    sql += ") ORDER BY id";
    Statement all(db, sql.c_str());
    std::vector<StoredEvent> rows;
    while (all.step())
        rows.push_back({all.number(7).value_or(0), sim::Time::at(sim::Duration::ps(static_cast<i64>(all.number(0).value_or(0)))), all.text(1),
                        all.number(2), all.number(3), all.number(4), all.number(5), all.text(6)});
    return rows;
}

std::string fingerprint_of_events(const std::filesystem::path& file) {
    Database db(file, SQLITE_OPEN_READONLY);
    Statement row(db, "SELECT value FROM meta WHERE key = 'fingerprint'");
    return row.step() ? row.text(0) : std::string{};
}

/// Quotes within a text are escaped, so that a name in quotes with a colon behind them is a field's.
std::string_view field_of(const StoredEvent& e, std::string_view name) {
    const std::string key = "\"" + std::string{name} + "\":";
    const std::string_view fields = e.fields;
    const std::size_t at = fields.find(key);
    if (at == fields.npos) return {};
    const std::string_view value = fields.substr(at + key.size());
    std::size_t end = 0;
    for (bool quoted = false; end < value.size() && (quoted || (value[end] != ',' && value[end] != '}')); ++end) {
        if (quoted && value[end] == '\\') ++end;
        else if (value[end] == '"') quoted = !quoted;
    }
    return value.substr(0, end);
}

} // namespace quiesce::observe
