// SPDX-License-Identifier: Apache-2.0
/// libFuzzer's entry: `amdvi_fuzz -max_total_time=60`. An input that crashes is run alone by naming its file.
#include "fuzz/amdvi_program.h"

#include <systemc>

/// libFuzzer's main calls this; SystemC's library wants it to be there.
int sc_main(int, char**) { return 0; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& calendar = *new quiesce::sim::Calendar{"calendar"}; // SystemC's kernel goes away before statics do
    quiesce::fuzz::run_amdvi_program(calendar, {data, size});
    return 0;
}
