/*
 * mesh_text.h - numbers and words of a mesh that is text.
 *
 * What always holds: a number is the double nearest to what is written, in every locale; one too
 * small for a double is 0.
 */
#ifndef GAM_SDF_MESH_TEXT_H
#define GAM_SDF_MESH_TEXT_H

#include <string>
#include <string_view>

namespace sdf {

/* False where the word is not a number and nothing else. */
bool parse_number(std::string_view word, double &value);

/* Words with blanks or line ends between them. */
class Words {
  public:
    explicit Words(std::string_view line) : left_(line) {}

    /* Empty behind the last one. */
    std::string_view next() {
        const size_t start = left_.find_first_not_of(" \t\r\n\v\f");
        left_.remove_prefix(start == left_.npos ? left_.size() : start);
        const std::string_view word = left_.substr(0, left_.find_first_of(" \t\r\n\v\f"));
        left_.remove_prefix(word.size());
        return word;
    }

  private:
    std::string_view left_;
};

}  // namespace sdf

#endif
