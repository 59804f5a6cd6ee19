// Stands in for Boost's header of this name, of which OpenVDB needs one line and which today's
// Clang does not compile any more (Boost 1.74 computes with enumerators outside their range).
// What always holds: the wider of two arithmetic types, as the language has it; with any other type
// the first of the two, so that overloads OpenVDB does not mean can still be looked at.
#ifndef GAM_SDF_CONVERSION_TRAITS
#define GAM_SDF_CONVERSION_TRAITS

#include <type_traits>

namespace boost::numeric {

template <typename Target, typename Source,
          bool AreNumbers = std::is_arithmetic_v<Target> && std::is_arithmetic_v<Source>>
struct conversion_traits {
    using supertype = Target;
};

template <typename Target, typename Source>
struct conversion_traits<Target, Source, true> {
    using supertype = std::common_type_t<Target, Source>;
};

}  // namespace boost::numeric

#endif
