/* mesh_text.cc - std::from_chars, which knows no locale, and what it does not take. */
#include "mesh_text.h"

#include <charconv>
#include <cmath>

namespace sdf {

bool parse_number(std::string_view word, double &value) {
    if (!word.empty() && word[0] == '+') word.remove_prefix(1);
    const char *end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, value);
    if (word.empty() || stop != end) return false;
    if (error == std::errc()) return true;
    /* Beyond doubles: 0 or infinity. */
    if (error != std::errc::result_out_of_range) return false;
    const size_t exponent = word.find_first_of("eE");
    const bool is_small = exponent != word.npos && word.substr(exponent + 1, 1) == "-";
    value = is_small ? 0 : HUGE_VAL;
    return true;
}

}  // namespace sdf
