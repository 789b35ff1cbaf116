// SPDX-License-Identifier: Apache-2.0
/// Misuse of the C interface is a code and a text, never the end of the process.
#include "cosim/host_bench.h"

using namespace quiesce::cosim_test;

namespace {
std::string refusal(int code, int expected) {
    CHECK(std::string{qsc_code_name(code)} == qsc_code_name(expected));
    return qsc_last_error();
}
bool says(const std::string& text, const char* part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}
std::string create_refused(const qsc_config& c, int expected) {
    qsc_platform p = 77;
    const std::string why = refusal(qsc_create(&c, &p), expected);
    CHECK(p == 77); // nothing was written
    return why;
}
} // namespace

TEST_CASE("a platform that cannot be is refused with every mistake, and nothing is left of it", "[cosim]") {
    qsc_config c = plain_config();
    SECTION("pointers and sizes") {
        qsc_platform p = 0;
        CHECK(says(refusal(qsc_create(nullptr, &p), QSC_ERR_ARGUMENT), "config is null"));
        CHECK(says(refusal(qsc_create(&c, nullptr), QSC_ERR_ARGUMENT), "platform is null"));
        c.size = 0;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "config.size is 0"));
        c.size = 0xffffffff;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "config.size"));
    }
    SECTION("fields of a later version are refused unless they are zero") {
        struct Later {
            qsc_config known;
            uint64_t more;
        } later{c, 0};
        later.known.size = sizeof later;
        qsc_platform p = 0;
        CHECK(qsc_create(&later.known, &p) == QSC_OK);
        CHECK(qsc_destroy(p) == QSC_OK);
        later.more = 1;
        CHECK(says(refusal(qsc_create(&later.known, &p), QSC_ERR_UNSUPPORTED), "later version"));
    }
    SECTION("presets, settings and scenarios") {
        c.preset = "servr";
        CHECK(says(create_refused(c, QSC_ERR_CONFIG), "did you mean 'server'?"));
        c.preset = nullptr;
        c.scenario = "/nowhere/at-all.yaml";
        CHECK(says(create_refused(c, QSC_ERR_IO), "at-all.yaml"));
        c.preset = "small";
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "one of them must be null"));
        c.preset = c.scenario = nullptr;
        const char* const settings[] = {"platform.iommu.smmuv3.sid_bits=99", "platform.memory.walk_latncy=1ns"};
        c.settings = settings;
        c.setting_count = 2;
        const std::string both = create_refused(c, QSC_ERR_CONFIG);
        CHECK(says(both, "sid_bits"));
        CHECK(says(both, "walk_latncy"));
        const char* const elsewhere[] = {"os.policy=mm-exit"};
        c.settings = elsewhere;
        c.setting_count = 1;
        CHECK(says(create_refused(c, QSC_ERR_CONFIG), "platform.NAME=VALUE"));
        c.settings = nullptr;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "settings is null"));
        const char* const none[] = {"platform.iommu.kind=none"};
        c.settings = none;
        CHECK(says(create_refused(c, QSC_ERR_UNSUPPORTED), "nothing to co-simulate"));
    }
    SECTION("identification registers that the model cannot be") {
        qsc_id_register id{"IDR9", 0};
        c.ids = &id;
        c.id_count = 1;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "IDR9"));
        id = {"IDR1", 0x8000'0000}; // ECMDQ
        CHECK(says(create_refused(c, QSC_ERR_UNSUPPORTED), "ECMDQ"));
        id = {"IDR1", uint64_t{1} << 32};
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "32 bits"));
        id = {nullptr, 0};
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "ids[0].name"));
        const qsc_id_register twice[] = {{"IIDR", 1}, {"IIDR", 2}};
        c.ids = twice;
        c.id_count = 2;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "ids[1]: IIDR is there twice"));
    }
    SECTION("addresses") {
        c.iommu_base = 0x8000'0000;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "overlap"));
        c.iommu_base = 0x1000;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "64 KiB"));
        c.iommu_base = uint64_t{1} << 48;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "48 bits"));
        c.iommu_base = 0;
        c.message_base = 0x0904'1000;
        c.message_bytes = 4;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "message window"));
        c.message_base = c.message_bytes = 0;
        c.memory_base = 0x1000;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "memory_base"));
        c.memory_bytes = 0x1000;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "memory_bytes"));
    }
    SECTION("memory of the host without functions") {
        qsc_host_memory m = sized<qsc_host_memory>();
        c.host_memory = &m;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "functions"));
    }
    SECTION("a kernel that there is not") {
        c.kernel = 2;
        CHECK(says(create_refused(c, QSC_ERR_ARGUMENT), "qsc_kernel"));
    }
    const HostBench b(plain_config()); // what was refused is in nobody's way
    qsc_platform second = 0;
    const qsc_config again = plain_config();
    CHECK(says(refusal(qsc_create(&again, &second), QSC_ERR_STATE), "destroy it first"));
}

namespace {
const char* const as_vtd[] = {"platform.iommu.kind=vtd"};
std::string vtd_refused(std::vector<qsc_id_register> ids, int expected) {
    qsc_config c = plain_config();
    c.settings = as_vtd;
    c.setting_count = 1;
    c.ids = ids.data();
    c.id_count = static_cast<uint32_t>(ids.size());
    return create_refused(c, expected);
}
} // namespace

TEST_CASE("identification registers that no VT-d unit can have are refused with the reason", "[cosim]") {
    const auto wrong = [](std::vector<qsc_id_register> ids, const char* why) {
        return says(vtd_refused(std::move(ids), QSC_ERR_UNSUPPORTED), why);
    };
    const uint64_t first_of_high = uint64_t{1} << 32, cap = 0x00c9'0380'222f'0606;
    for (const char* name : {"IDR0", "IIDR", "cap", "ECAP0", ""}) { // of an SMMUv3, or of none
        const std::string why = vtd_refused({{"VER", 0x60}, {name, 0}}, QSC_ERR_ARGUMENT);
        CHECK(says(why, ("'" + std::string{name} + "'").c_str()));
        CHECK(says(why, "VER, CAP, ECAP, or HAW"));
    }
    CHECK(says(vtd_refused({{"VER", first_of_high}}, QSC_ERR_ARGUMENT), "VER is 0xffffffff at most"));
    CHECK(says(vtd_refused({{"HAW", first_of_high + 46}}, QSC_ERR_ARGUMENT), "HAW is 0x40 at most"));
    CHECK(wrong({{"VER", 0}}, "VER.MAX"));
    CHECK(wrong({{"HAW", 60}}, "host address width"));
    CHECK(wrong({{"CAP", cap | 7}}, "CAP.ND"));
    CHECK(wrong({{"CAP", cap & ~0x1f00ull}}, "CAP.SAGAW"));
    CHECK(wrong({{"CAP", cap}, {"HAW", 49}}, "CAP.MGAW"));     // of 48 bits
    CHECK(wrong({{"CAP", cap & ~0xff00'0000ull}}, "CAP.FRO")); // over VER
    CHECK(wrong({{"ECAP", 0x5002 | uint64_t{1} << 42}}, "PDS"));
    CHECK(wrong({{"ECAP", 0x5000 | uint64_t{1} << 43}}, "ECAP.SMTS without ECAP.QI"));
    CHECK(wrong({{"ECAP", 0x5006 | uint64_t{1} << 29}}, "ECAP.PRS without"));
    CHECK(wrong({{"ECAP", 0x5002 | uint64_t{1} << 47}}, "without SMTS"));
    CHECK(wrong({{"ECAP", 0x5002 | 1 << 26 | uint64_t{1} << 43}}, "ECAP.NEST without"));
}

TEST_CASE("a VT-d unit knows requesters of 16 bits, and no others", "[cosim]") {
    qsc_config c = plain_config();
    c.settings = as_vtd;
    c.setting_count = 1;
    HostBench b(c);
    qsc_operation op = 0;
    const qsc_dma_request last = b.dma(0xffff, b.memory, 8), beyond = b.dma(0x1'0000, b.memory, 8);
    CHECK(qsc_dma_start(b.p, &last, &op) == QSC_OK);
    CHECK(says(refusal(qsc_dma_start(b.p, &beyond, &op), QSC_ERR_ARGUMENT), "16 bits"));
    CHECK(says(refusal(qsc_device_set(b.p, 0x1'0000, QSC_DEVICE_ATS), QSC_ERR_ARGUMENT), "16 bits"));
    CHECK(qsc_invalidation_complete_stray(b.p, 0x1'0000) == QSC_ERR_ARGUMENT);
    CHECK(qsc_invalidation_complete_stray(b.p, 0xffff) == QSC_OK);
}

TEST_CASE("feature registers that no AMD-Vi unit can have are refused with the reason; its requesters have 16 bits", "[cosim]") {
    static const char* const as_amdvi[] = {"platform.iommu.kind=amdvi"};
    qsc_config c = plain_config();
    c.settings = as_amdvi;
    c.setting_count = 1;
    const auto refused = [&](std::vector<qsc_id_register> ids, int expected) {
        c.ids = ids.data();
        c.id_count = static_cast<uint32_t>(ids.size());
        return create_refused(c, expected);
    };
    CHECK(says(refused({{"CAP", 0}}, QSC_ERR_ARGUMENT), "EFR, EFR2, or PAsize"));
    CHECK(says(refused({{"PAsize", 65}}, QSC_ERR_ARGUMENT), "PAsize is 64 at most"));
    CHECK(says(refused({{"PAsize", 53}}, QSC_ERR_UNSUPPORTED), "32 to 52 bits"));
    CHECK(says(refused({{"EFR", uint64_t{3} << 10}}, QSC_ERR_UNSUPPORTED), "EFR.HATS"));
    c.ids = nullptr;
    c.id_count = 0;
    HostBench b(c);
    qsc_operation op = 0;
    const qsc_dma_request beyond = b.dma(0x1'0000, b.memory, 8);
    CHECK(says(refusal(qsc_dma_start(b.p, &beyond, &op), QSC_ERR_ARGUMENT), "16 bits"));
}

TEST_CASE("a handle that was destroyed, and one that never was, is refused by every function", "[cosim]") {
    qsc_platform gone = 0;
    const qsc_config c = plain_config();
    REQUIRE(qsc_create(&c, &gone) == QSC_OK);
    REQUIRE(qsc_destroy(gone) == QSC_OK);
    uint64_t word = 0;
    auto request = sized<qsc_dma_request>();
    auto result = sized<qsc_dma_result>();
    auto interrupt = sized<qsc_interrupt>();
    for (const qsc_platform p : {gone, qsc_platform{0}, qsc_platform{~0ull}}) {
        CHECK(qsc_destroy(p) == QSC_ERR_HANDLE);
        CHECK(qsc_time(p, &word) == QSC_ERR_HANDLE);
        CHECK(qsc_advance(p, 1) == QSC_ERR_HANDLE);
        CHECK(qsc_relax(p, 1) == QSC_ERR_HANDLE);
        CHECK(qsc_wait(p, 1, 1) == QSC_ERR_HANDLE);
        CHECK(qsc_mmio_read(p, registers_at, 4, &word) == QSC_ERR_HANDLE);
        CHECK(qsc_mmio_write(p, registers_at, 4, 0) == QSC_ERR_HANDLE);
        CHECK(qsc_memory_read(p, 0x8000'0000, &word, 8) == QSC_ERR_HANDLE);
        CHECK(qsc_dma(p, &request, 1, &word, &result, nullptr) == QSC_ERR_HANDLE);
        CHECK(qsc_interrupt_next(p, &interrupt) == QSC_ERR_HANDLE);
        CHECK(qsc_wait_news(p, 1, 1, nullptr) == QSC_ERR_HANDLE);
        CHECK(qsc_invalidation_complete_stray(p, 1) == QSC_ERR_HANDLE);
    }
}

TEST_CASE("arguments out of range are refused before anything happens", "[cosim]") {
    HostBench b(plain_config());
    uint64_t word = 5;
    qsc_operation op = 9;
    const auto bad_dma = [&](qsc_dma_request r) { return qsc_dma_start(b.p, &r, &op); };
    CHECK(qsc_mmio_read(b.p, registers_at, 0, &word) == QSC_ERR_ARGUMENT);
    CHECK(qsc_mmio_read(b.p, registers_at, 9, &word) == QSC_ERR_ARGUMENT);
    CHECK(qsc_mmio_read(b.p, registers_at, 4, nullptr) == QSC_ERR_ARGUMENT);
    CHECK(qsc_mmio_read(b.p, 0x1000, 4, &word) == QSC_ERR_ADDRESS);
    CHECK(qsc_mmio_read(b.p, registers_at + 0x1fffe, 4, &word) == QSC_ERR_ADDRESS); // over the end of the block
    CHECK(qsc_mmio_read(b.p, registers_at - 2, 4, &word) == QSC_ERR_ADDRESS);
    CHECK(qsc_memory_read(b.p, 0x1000, &word, 8) == QSC_ERR_ADDRESS);
    CHECK(qsc_memory_read(b.p, (uint64_t{1} << 48) - 4, &word, 8) == QSC_ERR_ADDRESS);
    CHECK(qsc_memory_read(b.p, ~uint64_t{0}, &word, 8) == QSC_ERR_ADDRESS);
    CHECK(qsc_memory_read(b.p, 0x8000'0000, nullptr, 8) == QSC_ERR_ARGUMENT);
    CHECK(qsc_advance(b.p, QSC_TIME_MOST_PS + 1) == QSC_ERR_ARGUMENT);
    CHECK(qsc_relax(b.p, 0) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, 0, 0)) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, 0, QSC_DMA_MOST_BYTES + 1)) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, ~uint64_t{0}, 2)) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, 0, 8, QSC_WRITE)) == QSC_ERR_ARGUMENT); // no data
    CHECK(bad_dma(b.dma(1, 0, 8, QSC_WRITE | QSC_EXECUTE, &word)) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, 0, 8, QSC_LAST)) == QSC_ERR_ARGUMENT);
    CHECK(bad_dma(b.dma(1, 0, 8, QSC_TRANSLATED | QSC_PASID)) == QSC_ERR_UNSUPPORTED);
    qsc_dma_request wide = b.dma(1, 0, 8, QSC_PASID);
    wide.pasid = 1 << 20;
    CHECK(bad_dma(wide) == QSC_ERR_ARGUMENT);
    wide.flags = 0;
    wide.pasid = 1;
    CHECK(bad_dma(wide) == QSC_ERR_ARGUMENT);
    auto result = sized<qsc_dma_result>();
    const qsc_dma_request fine = b.dma(1, 0x8000'0000, 8);
    CHECK(qsc_dma(b.p, &fine, QSC_TIME_MOST_PS + 1, &word, &result, nullptr) == QSC_ERR_ARGUMENT);
    CHECK(qsc_dma(b.p, &fine, us, nullptr, &result, nullptr) == QSC_ERR_ARGUMENT);
    result.size = 4;
    CHECK(qsc_dma(b.p, &fine, us, &word, &result, nullptr) == QSC_ERR_ARGUMENT);
    auto translation = sized<qsc_translation_request>();
    CHECK(qsc_translate_start(b.p, &translation, &op) == QSC_ERR_ARGUMENT); // for none
    translation.entries = 1;
    translation.flags = QSC_EXECUTE;
    CHECK(qsc_translate_start(b.p, &translation, &op) == QSC_ERR_ARGUMENT); // not without a PASID
    auto message = sized<qsc_page_request_message>();
    message.group = 512;
    CHECK(qsc_page_request_start(b.p, &message, &op) == QSC_ERR_ARGUMENT);
    CHECK(qsc_device_set(b.p, 1, 4) == QSC_ERR_ARGUMENT);
    CHECK(qsc_wait_news(b.p, 0, us, nullptr) == QSC_ERR_ARGUMENT);
    CHECK(qsc_invalidation_complete(b.p, 1) == QSC_ERR_ARGUMENT);
    CHECK(op == 9);
    CHECK(word == 5);
    CHECK(b.now() == 0);
    CHECK(qsc_relax(b.p, us) != QSC_ERR_STATE);
}

TEST_CASE("an operation is fetched once, by the function of its kind, or forgotten", "[cosim]") {
    HostBench b(plain_config());
    qsc_operation op = 0;
    uint64_t value = 0;
    auto result = sized<qsc_dma_result>();
    REQUIRE(qsc_mmio_read_start(b.p, registers_at, 4, &op) == QSC_OK);
    CHECK(qsc_mmio_poll(b.p, op, &value) == QSC_PENDING); // time does not move by itself
    CHECK(qsc_dma_poll(b.p, op, nullptr, &result) == QSC_ERR_HANDLE);
    CHECK(qsc_wait(b.p, op, us) == QSC_OK);
    CHECK(qsc_mmio_poll(b.p, op, &value) == QSC_OK);
    CHECK(value != 0);
    CHECK(qsc_mmio_poll(b.p, op, &value) == QSC_ERR_HANDLE);
    CHECK(qsc_wait(b.p, op, us) == QSC_ERR_HANDLE);

    REQUIRE(qsc_mmio_write_start(b.p, registers_at + 0x80, 8, 0x8001'0000, &op) == QSC_OK);
    CHECK(qsc_forget(b.p, op) == QSC_OK);
    CHECK(qsc_mmio_poll(b.p, op, &value) == QSC_ERR_HANDLE);
    CHECK(b.reg(0x80, 8) == 0x8001'0000); // it was done all the same
    const qsc_operation before = op;
    REQUIRE(qsc_mmio_read_start(b.p, registers_at, 4, &op) == QSC_OK);
    CHECK(op != before);
}

TEST_CASE("sizes that the registers do not take read as zero and are ignored on write", "[cosim]") {
    HostBench b(plain_config());
    b.set_reg(0x80, 0x8001'0000, 8);
    for (uint32_t bytes : {1u, 2u, 3u, 5u, 6u, 7u}) {
        CHECK(b.reg(0x80, bytes) == 0);
        b.set_reg(0x80, 0x40, bytes);
    }
    CHECK(b.reg(0x82) == 0); // not aligned
    CHECK(b.reg(0x80, 8) == 0x8001'0000);
    CHECK(b.reg(0x80) == 0x8001'0000); // half of it
}

TEST_CASE("a requester whose stream would be beyond 32 bits is refused", "[cosim]") {
    qsc_config c = plain_config();
    const char* const settings[] = {"platform.root_complex.stream_base=0x8000"};
    c.settings = settings;
    c.setting_count = 1;
    HostBench b(c);
    qsc_operation op = 0;
    const qsc_dma_request last = b.dma(0xffff'7fff, 0, 8), beyond = b.dma(0xffff'8000, 0, 8);
    CHECK(qsc_dma_start(b.p, &last, &op) == QSC_OK);
    CHECK(qsc_dma_start(b.p, &beyond, &op) == QSC_ERR_ARGUMENT);
    CHECK(qsc_device_set(b.p, 0xffff'8000, QSC_DEVICE_ATS) == QSC_ERR_ARGUMENT);
}

namespace {
/// Calls with arguments that are sometimes right.
struct Careless {
    HostBench b{plain_config()};
    uint64_t state;
    std::vector<unsigned char> bytes = std::vector<unsigned char>(1 << 16);
    std::vector<qsc_translation> entries = std::vector<qsc_translation>(QSC_TRANSLATIONS_MOST);
    qsc_operation last = 0;

    explicit Careless(uint64_t seed) : state(seed) { b.bring_up(); }
    uint64_t any() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
    }
    uint64_t number() {
        const uint64_t often[] = {0,        1,      2,  4,    8, 32, 64, 4096, 4097, registers_at, registers_at + 0x98,
                                  b.memory, b.here, us, any()};
        return often[any() % std::size(often)];
    }
    template <class T>
    T* maybe(T* p) {
        return any() % 16 == 0 ? nullptr : p;
    }
    template <class T>
    T filled() {
        T t = sized<T>();
        if (any() % 16 == 0) t.size = static_cast<uint32_t>(any() % sizeof t); // never more than there is
        t.requester = static_cast<uint32_t>(any() % 4);
        t.address = number();
        t.flags = static_cast<uint32_t>(any() % 2 ? 1u << any() % 13 : any() % 8192);
        t.pasid = static_cast<uint32_t>(any() % 3 ? 0 : number());
        return t;
    }
    int call() {
        auto dma = filled<qsc_dma_request>();
        dma.bytes = static_cast<uint32_t>(number());
        dma.data = maybe(bytes.data());
        auto translation = filled<qsc_translation_request>();
        translation.entries = static_cast<uint32_t>(any() % 70);
        auto message = filled<qsc_page_request_message>();
        message.group = static_cast<uint32_t>(any() % 600);
        auto dma_result = sized<qsc_dma_result>();
        auto translated = sized<qsc_translation_result>();
        auto interrupt = sized<qsc_interrupt>();
        auto invalidation = sized<qsc_invalidation>();
        auto response = sized<qsc_page_response>();
        uint64_t value = 0;
        uint32_t there = 0;
        qsc_operation still = 0;
        const qsc_operation op = any() % 8 == 0 ? number() : last;
        const uint64_t limit = any() % 4 == 0 ? number() : us;
        const qsc_platform p = any() % 32 == 0 ? number() % 1000 + 1'000'000 : b.p;
        switch (any() % 22) {
        case 0: return qsc_time(p, maybe(&value));
        case 1: return qsc_advance(p, limit);
        case 2: return qsc_relax(p, limit);
        case 3: return qsc_wait(p, op, limit);
        case 4: return qsc_forget(p, op);
        case 5: return qsc_mmio_read(p, number() + any() % 256, static_cast<uint32_t>(number()), maybe(&value));
        case 6: return qsc_mmio_write(p, number() + any() % 256, static_cast<uint32_t>(number()), number());
        case 7: return qsc_mmio_read_start(p, number(), static_cast<uint32_t>(any() % 10), maybe(&last));
        case 8: return qsc_mmio_poll(p, op, maybe(&value));
        case 9: return qsc_memory_read(p, number(), maybe(bytes.data()), any() % bytes.size());
        case 10: return qsc_memory_write(p, number(), maybe(bytes.data()), any() % 64);
        case 11: return qsc_dma_start(p, maybe(&dma), maybe(&last));
        case 12: return qsc_dma_poll(p, op, maybe(bytes.data()), maybe(&dma_result));
        case 13: return qsc_dma(p, maybe(&dma), limit, maybe(bytes.data()), maybe(&dma_result), maybe(&still));
        case 14:
            return qsc_translate(p, maybe(&translation), limit, maybe(entries.data()), maybe(&translated),
                                 maybe(&still));
        case 15: return qsc_page_request(p, maybe(&message), limit, maybe(&value), maybe(&still));
        case 16: return qsc_device_set(p, static_cast<uint32_t>(any() % 4), static_cast<uint32_t>(any() % 5));
        case 17: return qsc_interrupt_next(p, maybe(&interrupt));
        case 18:
            if (const int got = qsc_invalidation_next(p, maybe(&invalidation)); got != QSC_OK) return got;
            return qsc_invalidation_complete(p, invalidation.tag);
        case 19: return qsc_page_response_next(p, maybe(&response));
        case 20: return qsc_invalidation_complete_stray(p, static_cast<uint32_t>(any() % 4));
        default: return qsc_wait_news(p, static_cast<uint32_t>(any() % 9), limit, maybe(&there));
        }
    }
};
} // namespace

TEST_CASE("whatever is called with whatever, the answer is a code, and no mistake of the library", "[cosim]") {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        Careless c(seed * 0x9e37'79b9'7f4a'7c15);
        std::map<int, int> answers;
        for (int n = 0; n < 4000; ++n) ++answers[c.call()];
        for (const auto& [code, count] : answers) {
            INFO(qsc_code_name(code));
            CHECK(code <= QSC_EMPTY);
            CHECK(code > QSC_ERR_INTERNAL);
        }
        CHECK(answers[QSC_OK] > 400);
        CHECK(answers[QSC_ERR_ARGUMENT] > 200);
        CHECK(answers[QSC_ERR_HANDLE] > 100);
    }
}
