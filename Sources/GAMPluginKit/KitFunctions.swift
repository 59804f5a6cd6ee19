// What always holds here:
// - These are the C functions of every Swift plugin; each finds its adapter, decoder or encoder
//   behind the pointer it is given and turns thrown errors into a status and a message.

import CGAMPlugin

private func table(_ context: UnsafeMutableRawPointer?) -> PluginTable? {
    context.map { Unmanaged<PluginTable>.fromOpaque($0).takeUnretainedValue() }
}

private func box<Box: AnyObject>(_ handle: OpaquePointer?, _ type: Box.Type) -> Box? {
    handle.map { Unmanaged<Box>.fromOpaque(UnsafeRawPointer($0)).takeUnretainedValue() }
}

private let missing = AdapterError(.fault, "a pointer of the host is missing")

func kitFunctions() -> gam_functions_v1 {
    gam_functions_v1(
        struct_size: MemoryLayout<gam_functions_v1>.size,
        probe: { context, head, length, size, name in
            guard let table = table(context), length == 0 || head != nil else { return 0 }
            let bytes = [UInt8](UnsafeRawBufferPointer(start: head, count: length))
            let name = String(gamText: name)
            return Int32(
                clamping: table.adapter.probe(head: bytes, fileSize: size, fileName: name))
        },
        open_decode: { context, host, input, result, message in
            status(message) { () throws(AdapterError) in
                try openDecode(table(context), host, input, result)
            }
        },
        describe: { handle, target, message in
            status(message) { () throws(AdapterError) in
                guard let box = box(handle, DecoderBox.self), let target else { throw missing }
                fill(target, box.description)
            }
        },
        read_rows: { handle, buffer, capacity, rows, message in
            status(message) { () throws(AdapterError) in
                guard let box = box(handle, DecoderBox.self), let buffer, let rows else {
                    throw missing
                }
                rows.pointee = 0
                rows.pointee = try readRows(
                    box, UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
            }
        },
        close_decode: { handle in
            handle.map { Unmanaged<DecoderBox>.fromOpaque(UnsafeRawPointer($0)).release() }
        },
        open_encode: { context, host, description, output, result, message in
            status(message) { () throws(AdapterError) in
                try openEncode(table(context), host, description, output, result)
            }
        },
        write_rows: { handle, buffer, rows, message in
            status(message) { () throws(AdapterError) in
                guard let box = box(handle, EncoderBox.self), rows == 0 || buffer != nil else {
                    throw missing
                }
                try writeRows(box, buffer, rows)
            }
        },
        finish: { handle, message in
            status(message) { () throws(AdapterError) in
                guard let box = box(handle, EncoderBox.self) else { throw missing }
                guard box.rowsLeft == 0 else {
                    throw AdapterError(.usage, "\(box.rowsLeft) rows are missing")
                }
                try box.encoder.finish()
            }
        },
        close_encode: { handle in
            handle.map { Unmanaged<EncoderBox>.fromOpaque(UnsafeRawPointer($0)).release() }
        },
        parameters: { context, entries, capacity in
            guard let table = table(context) else { return 0 }
            for (index, entry) in table.parameters.prefix(capacity).enumerated() {
                entries?[index] = entry
            }
            return table.parameters.count
        })
}

private func openDecode(
    _ table: PluginTable?, _ host: UnsafePointer<gam_host>?, _ input: UnsafePointer<gam_input>?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?
) throws(AdapterError) {
    guard let table, let host, let input, let result else { throw missing }
    result.pointee = nil
    let source = AdapterInput(handle: HostHandle(host: host), input: input)
    let decoder = try table.adapter.makeDecoder(for: source)
    try decoder.description.check(source.limits)
    result.pointee = OpaquePointer(Unmanaged.passRetained(DecoderBox(decoder)).toOpaque())
}

private func openEncode(
    _ table: PluginTable?, _ host: UnsafePointer<gam_host>?,
    _ raw: UnsafePointer<gam_description>?, _ output: UnsafePointer<gam_output>?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?
) throws(AdapterError) {
    guard let table, let host, let raw, let output, let result else { throw missing }
    result.pointee = nil
    let target = AdapterOutput(handle: HostHandle(host: host), output: output)
    let description = try AdapterDescription(raw.pointee)
    try description.check(target.limits)
    let encoder = try table.adapter.makeEncoder(for: description, output: target)
    let box = EncoderBox(encoder, description)
    result.pointee = OpaquePointer(Unmanaged.passRetained(box).toOpaque())
}

/// Rows written into `buffer`.
private func readRows(
    _ box: DecoderBox, _ buffer: UnsafeMutableRawBufferPointer
) throws(AdapterError) -> UInt64 {
    let rowBytes = box.description.rowBytes
    let rowsMax = min(buffer.count / rowBytes, box.rowsLeft)
    guard box.rowsLeft > 0 else { return 0 }
    guard rowsMax > 0 else { throw AdapterError(.fault, "no room for one row") }
    let bytes = try box.decoder.readRows(rowsMax)
    guard !bytes.isEmpty, bytes.count % rowBytes == 0, bytes.count / rowBytes <= rowsMax else {
        throw AdapterError(.fault, "the decoder gave \(bytes.count) bytes for \(rowsMax) rows")
    }
    buffer.copyBytes(from: bytes)
    box.rowsLeft -= bytes.count / rowBytes
    return UInt64(bytes.count / rowBytes)
}

private func writeRows(
    _ box: EncoderBox, _ buffer: UnsafeRawPointer?, _ rows: UInt64
) throws(AdapterError) {
    guard rows <= UInt64(box.rowsLeft) else {
        throw AdapterError(.usage, "more rows than the description has")
    }
    let count = Int(rows) * box.rowBytes
    try box.encoder.writeRows([UInt8](UnsafeRawBufferPointer(start: buffer, count: count)))
    box.rowsLeft -= Int(rows)
}
