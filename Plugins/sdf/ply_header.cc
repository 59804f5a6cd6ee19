/*
 * ply_header.cc - the lines of a PLY header (Turk, The PLY Polygon File Format, 1994).
 *
 * What always holds: a line is understood whole or refused with its number.
 */
#include "ply_header.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "gam_plugin.h"
#include "mesh_text.h"
#include "sdf_volume.h"

namespace sdf {
namespace {

/* Far beyond what programs write, and few enough to be looked through at every instance. */
constexpr size_t elements_max = 64, properties_max = 256;

class HeaderLines {
  public:
    explicit HeaderLines(const std::string &file) : file_(file) {}

    size_t position() const { return at_; }

    /* The words of the next line, which ends with a line feed, a carriage return or both. */
    std::vector<std::string> next() {
        line_++;
        const size_t end = file_.find_first_of("\r\n", at_);
        if (end == std::string::npos) fail("has no end");
        const std::string_view line(file_.data() + at_, end - at_);
        /* As the first line: behind the last one a byte of the body may be a line feed. */
        if (line_ == 1) end_bytes_ = file_.compare(end, 2, "\r\n") == 0 ? 2 : 1;
        at_ = std::min(end + end_bytes_, file_.size());
        std::vector<std::string> result;
        Words words(line);
        for (std::string_view word = words.next(); !word.empty(); word = words.next())
            result.emplace_back(word);
        return result;
    }

    [[noreturn]] void fail(const std::string &what) const {
        throw Failure(GAM_BAD_INPUT, "line " + std::to_string(line_) + " of the PLY header " +
                                         what + "; get a clean copy");
    }

  private:
    const std::string &file_;
    size_t at_ = 0, line_ = 0, end_bytes_ = 1;
};

PlyType type_named(const std::string &name, const HeaderLines &lines) {
    static const std::map<std::string, PlyType> types = {
        {"char", PlyType::int8},     {"int8", PlyType::int8},     {"uchar", PlyType::uint8},
        {"uint8", PlyType::uint8},   {"short", PlyType::int16},   {"int16", PlyType::int16},
        {"ushort", PlyType::uint16}, {"uint16", PlyType::uint16}, {"int", PlyType::int32},
        {"int32", PlyType::int32},   {"uint", PlyType::uint32},   {"uint32", PlyType::uint32},
        {"float", PlyType::float32}, {"float32", PlyType::float32},
        {"double", PlyType::float64}, {"float64", PlyType::float64}};
    const auto found = types.find(name);
    if (found == types.end()) lines.fail("names a type that PLY does not have");
    return found->second;
}

PlyForm form_of(const std::vector<std::string> &words, const HeaderLines &lines) {
    if (words.size() == 3 && words[0] == "format" && words[2] == "1.0") {
        if (words[1] == "ascii") return PlyForm::ascii;
        if (words[1] == "binary_little_endian") return PlyForm::little_endian;
        if (words[1] == "binary_big_endian") return PlyForm::big_endian;
    }
    lines.fail("does not say which format of version 1.0 the file has");
}

PlyElement element_of(const std::vector<std::string> &words, const HeaderLines &lines) {
    PlyElement element;
    if (words.size() != 3) lines.fail("is not an element with a name and a count");
    element.name = words[1];
    const char *end = words[2].data() + words[2].size();
    const auto [stop, error] = std::from_chars(words[2].data(), end, element.count);
    if (stop != end || error != std::errc()) lines.fail("has a count that is not a number");
    return element;
}

PlyProperty property_of(const std::vector<std::string> &words, const HeaderLines &lines) {
    if (words.size() == 3)
        return {words[2], type_named(words[1], lines), false, PlyType::uint8};
    if (words.size() != 5 || words[1] != "list")
        lines.fail("is neither a property nor a list with its types and its name");
    const PlyType count_type = type_named(words[2], lines);
    if (count_type == PlyType::float32 || count_type == PlyType::float64)
        lines.fail("has a list whose length is no integer");
    return {words[4], type_named(words[3], lines), true, count_type};
}

void check_element(const PlyElement &element, uint64_t bytes_left) {
    if (element.properties.empty() && element.count > 0)
        throw Failure(GAM_BAD_INPUT, "the PLY has an element without properties; get a clean copy");
    if (element.count > bytes_left)
        throw Failure(GAM_BAD_INPUT, "the PLY is cut off: " + std::to_string(element.count) +
                                         " instances of an element cannot lie in the " +
                                         std::to_string(bytes_left) +
                                         " bytes behind the header; get a complete copy");
}

}  // namespace

PlyHeader read_ply_header(const std::string &file) {
    HeaderLines lines(file);
    PlyHeader header;
    if (lines.next() != std::vector<std::string>{"ply"}) lines.fail("is not 'ply'");
    bool has_form = false;
    for (;;) {
        const std::vector<std::string> words = lines.next();
        const std::string &first = words.empty() ? std::string() : words[0];
        if (words.empty() || first == "comment" || first == "obj_info") continue;
        if (first == "end_header") break;
        if (!has_form) {
            header.form = form_of(words, lines);
            has_form = true;
        } else if (first == "element" && header.elements.size() < elements_max) {
            header.elements.push_back(element_of(words, lines));
        } else if (first == "property" && !header.elements.empty() &&
                   header.elements.back().properties.size() < properties_max) {
            header.elements.back().properties.push_back(property_of(words, lines));
        } else {
            lines.fail("is not one a header may have there");
        }
    }
    if (!has_form) lines.fail("ends a header without a format");
    header.body = lines.position();
    for (const PlyElement &element : header.elements)
        check_element(element, file.size() - header.body);
    return header;
}

}  // namespace sdf
