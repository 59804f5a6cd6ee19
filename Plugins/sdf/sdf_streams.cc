/*
 * sdf_streams.cc - the host's callbacks as C++ streams.
 *
 * What always holds: a failed read ends the stream, a failed write is remembered.
 */
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "sdf_codec.h"

namespace sdf {

/* The next bytes of a piece into the window; 0 when it has no more. */
size_t PiecesBuffer::fill(Piece &piece) {
    size_t count = std::min(sizeof window_, piece.own.size());
    if (count > 0) {
        memcpy(window_, piece.own.data(), count);
        piece.own.erase(0, count);
        return count;
    }
    const uint64_t wanted = std::min<uint64_t>(sizeof window_, piece.end - piece.start);
    if (wanted == 0) return 0;
    const gam_status status =
        input_->read_at(input_->context, piece.start, window_, wanted, &count);
    if (status != GAM_OK) throw Failure(status, "reading the file failed");
    if (count == 0) throw Failure(GAM_IO, "the file became shorter while it was read");
    piece.start += count;
    return count;
}

PiecesBuffer::int_type PiecesBuffer::underflow() {
    size_t count = 0;
    while (next_ < pieces_.size() && count == 0) {
        count = fill(pieces_[next_]);
        if (count == 0) next_++;
    }
    if (count == 0) return traits_type::eof();
    served_ += count;
    setg(window_, window_, window_ + count);
    return traits_type::to_int_type(window_[0]);
}

/* OpenVDB asks where it is, and never goes elsewhere on a stream. */
PiecesBuffer::pos_type PiecesBuffer::seekoff(off_type offset, std::ios_base::seekdir from,
                                             std::ios_base::openmode) {
    if (from != std::ios_base::cur || offset != 0) return pos_type(off_type(-1));
    return pos_type(static_cast<off_type>(served_) - (egptr() - gptr()));
}

std::streamsize OutputBuffer::xsputn(const char *bytes, std::streamsize count) {
    if (status_ == GAM_OK)
        status_ = output_->write_at(output_->context, offset_, bytes, static_cast<size_t>(count));
    if (status_ != GAM_OK) return 0;
    offset_ += static_cast<uint64_t>(count);
    return count;
}

OutputBuffer::int_type OutputBuffer::overflow(int_type character) {
    const char byte = traits_type::to_char_type(character);
    return xsputn(&byte, 1) == 1 ? character : traits_type::eof();
}

std::string read_file(const gam_host *host, const gam_input *input) {
    /* A parsed mesh takes several times the bytes of its file. */
    if (input->size > host->limits->memory_bytes_max / 8 || input->size > UINT32_MAX)
        throw Failure(GAM_LIMIT, "a mesh of " + std::to_string(input->size) +
                                     " bytes needs more memory than the limit allows");
    std::string bytes(input->size, '\0');
    for (size_t done = 0; done < bytes.size();) {
        size_t count = 0;
        gam_status status =
            input->read_at(input->context, done, &bytes[done], bytes.size() - done, &count);
        if (status != GAM_OK) throw Failure(status, "reading the file failed");
        if (count == 0) throw Failure(GAM_BAD_INPUT, "the file is cut off");
        done += count;
    }
    return bytes;
}

std::string packed(const std::string &bytes) {
    uLongf length = compressBound(bytes.size());
    std::string result(8 + length, '\0');
    for (int i = 0; i < 8; i++) result[i] = static_cast<char>(uint64_t(bytes.size()) >> (8 * i));
    auto *target = reinterpret_cast<Bytef *>(&result[8]);
    const auto *source = reinterpret_cast<const Bytef *>(bytes.data());
    if (compress2(target, &length, source, bytes.size(), 6) != Z_OK)
        throw Failure(GAM_NO_MEMORY, "no memory to keep the grid's tree");
    result.resize(8 + length);
    return result;
}

std::string unpacked(const char *bytes, size_t length, uint64_t bytes_max) {
    uint64_t size = 0;
    for (int i = 0; i < 8 && length >= 8; i++)
        size |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    if (length < 8 || size > bytes_max)
        throw Failure(GAM_USAGE, "the kept tree of the grid is damaged or too large");
    std::string result(size, '\0');
    uLongf filled = size;
    auto *target = reinterpret_cast<Bytef *>(result.data());
    const auto *source = reinterpret_cast<const Bytef *>(bytes + 8);
    if (uncompress(target, &filled, source, length - 8) != Z_OK || filled != size)
        throw Failure(GAM_USAGE, "the kept tree of the grid is damaged");
    return result;
}

}  // namespace sdf
