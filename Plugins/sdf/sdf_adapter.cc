/*
 * sdf_adapter.cc - the entry of the sdf plugin: OpenVDB grids, meshes sampled to distance fields,
 * and surfaces out of them.
 *
 * What always holds: every call of the ABI goes through `guarded`, which turns exceptions into a
 * status; samples are 32-bit floats on three axes, z fastest.
 */
#include <cstdlib>
#include <new>

#include "sdf_codec.h"

namespace {

using sdf::Failure;

template <typename Body>
gam_status guarded(gam_message *message, const Body &body) {
    try {
        body();
        return GAM_OK;
    } catch (const Failure &failure) {
        return gam_fail(message, failure.status, "%s", failure.what());
    } catch (const std::bad_alloc &) {
        return gam_fail(message, GAM_NO_MEMORY, "no memory for this volume");
    } catch (const std::exception &error) {
        return gam_fail(message, GAM_BAD_INPUT, "the file is damaged: %s", error.what());
    }
}

void check(gam_status status, const char *text) {
    if (status != GAM_OK) throw Failure(status, text);
}

std::string option(const gam_host *host, const char *name) {
    gam_text value = gam_option(host, name);
    return std::string(value.bytes, value.length);
}

std::string kept(const gam_host *host, const char *key) {
    size_t length = 0;
    const void *bytes = gam_kept(host, key, &length);
    return bytes == nullptr ? std::string() : std::string(static_cast<const char *>(bytes), length);
}

bool ends_with(gam_text name, const char *suffix) {
    const size_t length = strlen(suffix);
    if (name.length < length) return false;
    for (size_t i = 0; i < length; i++) {
        if ((name.bytes[name.length - length + i] | 0x20) != (suffix[i] | 0x20)) return false;
    }
    return true;
}

/* "vdb", "ply", "obj" or "stl"; nullptr: none of them. */
const char *kind_of(const unsigned char *head, size_t length, gam_text name) {
    static const unsigned char vdb[8] = {0x20, 0x42, 0x44, 0x56};
    if (length >= 8 && memcmp(head, vdb, 8) == 0) return "vdb";
    if (length >= 4 && memcmp(head, "ply", 3) == 0 && (head[3] == '\n' || head[3] == '\r'))
        return "ply";
    if (ends_with(name, ".stl")) return "stl";
    if (ends_with(name, ".obj")) return "obj";
    return length >= 6 && memcmp(head, "solid ", 6) == 0 ? "stl" : nullptr;
}

}  // namespace

struct gam_decoder {
    std::unique_ptr<sdf::Volume> volume;
    sdf::Box box;
    uint64_t row = 0;
    gam_description description;
};

struct gam_encoder {
    std::unique_ptr<sdf::Volume> volume;
    const gam_output *output;
    std::string format;
    sdf::Box box;
    uint64_t row = 0;
};

namespace {

sdf::Sampling sampling(const gam_host *host) {
    const std::string text = option(host, "resolution");
    if (text.empty())
        throw Failure(GAM_USAGE, "a mesh has no samples of its own: say how many voxels its "
                                 "longest side gets with --set resolution=N (8 to 2048)");
    char *end = nullptr;
    const long resolution = strtol(text.c_str(), &end, 10);
    if (*end != '\0' || resolution < 8 || resolution > 2048)
        throw Failure(GAM_USAGE, "resolution=" + text + " is not a number from 8 to 2048");
    sdf::Sampling wanted{static_cast<int>(resolution), 3, false,
                         host->limits->memory_bytes_max};
    const std::string band = option(host, "band");
    if (!band.empty()) wanted.band = strtod(band.c_str(), &end);
    if (*end != '\0' || !(wanted.band >= 1 && wanted.band <= 256))
        throw Failure(GAM_USAGE, "band=" + band + " is not a number from 1 to 256");
    const std::string field = option(host, "field");
    if (!field.empty() && field != "band" && field != "full")
        throw Failure(GAM_USAGE, "field=" + field + " is neither band nor full");
    wanted.is_full = field == "full";
    return wanted;
}

void describe_box(gam_description *description, const sdf::Box &box, const char *media_type) {
    gam_describe_as(description, box.is_level_set ? "sdf" : "array", media_type,
                    GAM_EXACT_SAMPLES);
    description->axis_count = 3;
    for (int axis = 0; axis < 3; axis++)
        gam_set_axis(&description->axes[axis], box.extents[axis], GAM_AXIS_SPACE,
                     box.spacing[axis], "");
    description->channel_count = 1;
    description->channels[0] = box.is_level_set ? GAM_CHANNEL_DISTANCE : GAM_CHANNEL_OTHER;
    description->family = GAM_FLOAT;
    description->bits = 32;
}

void open(const gam_host *host, const gam_input *input, gam_decoder *decoder) {
    unsigned char head[16];
    size_t length = 0;
    check(input->read_at(input->context, 0, head, sizeof head, &length), "reading the file failed");
    if (length == 0) throw Failure(GAM_BAD_INPUT, "the file is empty");
    const char *kind = kind_of(head, length, input->file_name);
    if (kind == nullptr)
        throw Failure(GAM_BAD_INPUT, "it does not start like a VDB, OBJ, PLY or STL file");
    if (strcmp(kind, "vdb") == 0) {
        decoder->volume =
            sdf::read_vdb(input, option(host, "grid"), host->limits->memory_bytes_max);
    } else {
        const sdf::Sampling wanted = sampling(host);
        const sdf::Deadline deadline(*host->limits);
        const sdf::Mesh mesh = sdf::parse_mesh(sdf::read_file(host, input), kind,
                                               host->limits->memory_bytes_max, deadline);
        decoder->volume = sdf::volume_of_mesh(mesh, wanted, deadline);
    }
    decoder->box = decoder->volume->box();
    decoder->description.struct_size = sizeof decoder->description;
    describe_box(&decoder->description, decoder->box, "application/x-vdb");
    char text[400];
    gam_message message = {sizeof message, text, sizeof text, 0};
    gam_status status = gam_check_samples(host, &decoder->description, &message);
    if (status != GAM_OK) throw Failure(status, std::string(text, message.length));
    const std::string skeleton = sdf::packed(decoder->volume->skeleton());
    status = gam_keep(host, "format", "vdb", 3, &message);
    if (status == GAM_OK)
        status = gam_keep(host, "vdb.skeleton", skeleton.data(), skeleton.size(), &message);
    if (status != GAM_OK) throw Failure(status, std::string(text, message.length));
}

/* What another format than VDB cannot hold. */
void check_conversion(const gam_host *host, const std::string &format) {
    if (option(host, "drop_metadata") == "1") return;
    const std::string came = kept(host, "format");
    if (format == "vdb") {
        if (!kept(host, "array.tail").empty())
            throw Failure(GAM_USAGE, "writing this " + came + " as vdb would lose: bytes behind "
                                     "the array; accept that with --drop-metadata");
        if (kept(host, "nrrd.header").find(":=") != std::string::npos)
            throw Failure(GAM_USAGE, "writing this nrrd as vdb would lose: its key/value pairs; "
                                     "accept that with --drop-metadata");
        if (!came.empty() && came != "vdb" && came != "npy" && came != "nrrd")
            throw Failure(GAM_USAGE, "writing this " + came + " as vdb would lose its metadata; "
                                     "accept that with --drop-metadata");
        return;
    }
    throw Failure(GAM_USAGE, "a mesh holds only the surface: the distances and the grid would be "
                             "lost; accept that with --drop-metadata");
}

void start(const gam_host *host, const gam_description *description, const gam_output *output,
           gam_encoder *encoder) {
    encoder->output = output;
    encoder->format = option(host, "format").empty() ? "vdb" : option(host, "format");
    if (encoder->format != "vdb" && encoder->format != "obj" && encoder->format != "ply")
        throw Failure(GAM_USAGE, "unknown format '" + encoder->format +
                                     "'; choose vdb, obj or ply, or npy or nrrd for the samples");
    if (description->axis_count != 3 || description->channel_count != 1 ||
        description->family != GAM_FLOAT || description->bits != 32)
        throw Failure(GAM_USAGE, "only 32-bit floats on three axes with one channel are written");
    check_conversion(host, encoder->format);
    for (int axis = 0; axis < 3; axis++) {
        encoder->box.extents[axis] = description->axes[axis].extent;
        encoder->box.spacing[axis] = description->axes[axis].spacing;
    }
    encoder->box.is_level_set =
        description->channels[0] == GAM_CHANNEL_DISTANCE || encoder->format != "vdb";
    const std::string skeleton = kept(host, "vdb.skeleton");
    if (!skeleton.empty()) {
        const uint64_t bytes_max = host->limits->memory_bytes_max;
        encoder->volume = sdf::read_skeleton(
            sdf::unpacked(skeleton.data(), skeleton.size(), bytes_max), bytes_max);
        const sdf::Box box = encoder->volume->box();
        if (memcmp(box.extents, encoder->box.extents, sizeof box.extents) != 0)
            throw Failure(GAM_USAGE, "the samples are not those of the kept grid");
        return;
    }
    uint64_t bytes = gam_row_bytes(description), all = 0;
    if (!gam_multiply(bytes, gam_row_count(description), &all) ||
        all > host->limits->memory_bytes_max / 2)
        throw Failure(GAM_LIMIT, "a new VDB of this size needs more memory than the limit allows");
    encoder->volume = sdf::new_volume(encoder->box);
}

void complete(gam_encoder *encoder) {
    if (encoder->row != encoder->box.extents[0] * encoder->box.extents[1])
        throw Failure(GAM_USAGE, "rows are missing");
    sdf::OutputBuffer buffer(encoder->output);
    std::ostream stream(&buffer);
    if (encoder->format == "vdb") {
        encoder->volume->save(stream);
    } else {
        const sdf::Mesh mesh = encoder->volume->surface();
        const std::string file =
            encoder->format == "obj" ? sdf::write_obj(mesh) : sdf::write_ply(mesh);
        stream.write(file.data(), static_cast<std::streamsize>(file.size()));
    }
    check(buffer.status(), "writing the file failed");
}

int32_t sdf_probe(void *, const void *head, size_t length, uint64_t, gam_text name) {
    const char *kind = kind_of(static_cast<const unsigned char *>(head), length, name);
    return kind == nullptr ? 0 : strcmp(kind, "vdb") == 0 || strcmp(kind, "ply") == 0 ? 100 : 60;
}

gam_status sdf_open_decode(void *, const gam_host *host, const gam_input *input,
                           gam_decoder **result, gam_message *message) {
    *result = nullptr;
    auto *decoder = new (std::nothrow) gam_decoder{};
    if (decoder == nullptr) return gam_fail(message, GAM_NO_MEMORY, "no memory for a decoder");
    gam_status status = guarded(message, [&] { open(host, input, decoder); });
    if (status != GAM_OK) {
        delete decoder;
        return status;
    }
    *result = decoder;
    return GAM_OK;
}

gam_status sdf_describe(gam_decoder *decoder, gam_description *description, gam_message *) {
    const size_t size = description->struct_size;
    memcpy(description, &decoder->description, size < sizeof *description ? size
                                                                         : sizeof *description);
    description->struct_size = size;
    return GAM_OK;
}

gam_status sdf_read_rows(gam_decoder *decoder, void *buffer, size_t capacity, uint64_t *rows,
                         gam_message *message) {
    *rows = 0;
    return guarded(message, [&] {
        const sdf::Box &box = decoder->box;
        const uint64_t row_bytes = box.extents[2] * sizeof(float);
        while (decoder->row < box.extents[0] * box.extents[1] &&
               (*rows + 1) * row_bytes <= capacity) {
            auto *row = reinterpret_cast<float *>(static_cast<char *>(buffer) + *rows * row_bytes);
            decoder->volume->read_row(decoder->row / box.extents[1],
                                      decoder->row % box.extents[1], row);
            decoder->row++;
            ++*rows;
        }
    });
}

void sdf_close_decode(gam_decoder *decoder) { delete decoder; }

gam_status sdf_open_encode(void *, const gam_host *host, const gam_description *description,
                           const gam_output *output, gam_encoder **result, gam_message *message) {
    *result = nullptr;
    auto *encoder = new (std::nothrow) gam_encoder{};
    if (encoder == nullptr) return gam_fail(message, GAM_NO_MEMORY, "no memory for an encoder");
    gam_status status = guarded(message, [&] { start(host, description, output, encoder); });
    if (status != GAM_OK) {
        delete encoder;
        return status;
    }
    *result = encoder;
    return GAM_OK;
}

gam_status sdf_write_rows(gam_encoder *encoder, const void *buffer, uint64_t rows,
                          gam_message *message) {
    return guarded(message, [&] {
        const sdf::Box &box = encoder->box;
        const auto *row = static_cast<const float *>(buffer);
        for (uint64_t i = 0; i < rows; i++, row += box.extents[2], encoder->row++)
            encoder->volume->write_row(encoder->row / box.extents[1],
                                       encoder->row % box.extents[1], row);
    });
}

gam_status sdf_finish(gam_encoder *encoder, gam_message *message) {
    return guarded(message, [&] { complete(encoder); });
}

void sdf_close_encode(gam_encoder *encoder) { delete encoder; }

#define TEXT(literal) {literal, sizeof literal - 1}

size_t sdf_parameters(void *, gam_parameter *entries, size_t capacity) {
    static const gam_parameter all[] = {
        {TEXT("grid"), TEXT(""), TEXT("VDB: name of the grid to keep, where a file has several")},
        {TEXT("resolution"), TEXT(""),
         TEXT("mesh: voxels along its longest side, 8 to 2048; needed")},
        {TEXT("band"), TEXT("3"), TEXT("mesh: half width of the band of distances, in voxels")},
        {TEXT("field"), TEXT("band"),
         TEXT("mesh: 'full' samples distances in the whole box, 'band' near the surface only")},
        {TEXT("format"), TEXT(""), TEXT("format to write: vdb; obj or ply: the zero surface")},
        {TEXT("drop_metadata"), TEXT(""),
         TEXT("1: write another format even when it cannot hold everything")},
    };
    constexpr size_t count = sizeof all / sizeof all[0];
    memcpy(entries, all, (capacity < count ? capacity : count) * sizeof all[0]);
    return count;
}

const gam_functions_v1 functions = {
    sizeof functions, sdf_probe,      sdf_open_decode, sdf_describe,     sdf_read_rows,
    sdf_close_decode, sdf_open_encode, sdf_write_rows, sdf_finish,       sdf_close_encode,
    sdf_parameters,
};

const gam_plugin_v1 plugin = {
    sizeof plugin, GAM_ABI_MAJOR, GAM_ABI_MINOR, TEXT("sdf"), TEXT("1.0.0"),
    TEXT("c++ 1.3"), nullptr,     &functions,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const gam_plugin_v1 *gam_plugin_entry_v1(void) {
    return &plugin;
}
