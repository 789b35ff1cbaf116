// SPDX-License-Identifier: Apache-2.0
#include "base/param.h"

namespace quiesce::base {

template class Param<bool>;
template class Param<u32>;
template class Param<u64>;
template class Param<Latency>;
template class Param<Size>;
template class Param<Bandwidth>;
template class Param<std::string>;
template class Param<std::vector<std::string>>;

} // namespace quiesce::base
