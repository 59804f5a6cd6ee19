// What always holds here:
// - These are the C functions a plugin calls back; each finds its HostContext behind the context
//   pointer, checks the plugin's pointers, and never throws.

import CGAMPlugin
import Glibc

private func hostContext(_ pointer: UnsafeMutableRawPointer?) -> HostContext? {
    pointer.map { Unmanaged<HostContext>.fromOpaque($0).takeUnretainedValue() }
}

let hostReadAt:
    @convention(c) (
        UnsafeMutableRawPointer?, UInt64, UnsafeMutableRawPointer?, Int,
        UnsafeMutablePointer<Int>?
    ) -> gam_status = { pointer, offset, buffer, length, count in
        guard let context = hostContext(pointer), let count, length >= 0 else {
            return gam_status(GAM_INTERNAL)
        }
        count.pointee = 0
        guard length > 0 else { return gam_status(GAM_OK) }
        guard let buffer else { return gam_status(GAM_INTERNAL) }
        let target = UnsafeMutableRawBufferPointer(start: buffer, count: length)
        guard let read = context.file.read(at: offset, into: target) else {
            context.systemFailure = systemError()
            return gam_status(GAM_IO)
        }
        count.pointee = read
        return gam_status(GAM_OK)
    }

let hostWriteAt:
    @convention(c) (
        UnsafeMutableRawPointer?, UInt64, UnsafeRawPointer?, Int
    ) -> gam_status = { pointer, offset, buffer, length in
        guard let context = hostContext(pointer), length >= 0 else {
            return gam_status(GAM_INTERNAL)
        }
        guard length > 0 else { return gam_status(GAM_OK) }
        guard let buffer else { return gam_status(GAM_INTERNAL) }
        let source = UnsafeRawBufferPointer(start: buffer, count: length)
        let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
        guard !overflow, end <= context.limits.outputBytesMax else {
            context.systemFailure =
                "the file would be larger than the limit of \(context.limits.outputBytesMax) bytes"
            return gam_status(GAM_LIMIT)
        }
        guard context.file.write(at: offset, source) else {
            context.systemFailure = systemError()
            return gam_status(GAM_IO)
        }
        return gam_status(GAM_OK)
    }

let hostMetadataPut:
    @convention(c) (
        UnsafeMutableRawPointer?, gam_text, UnsafeRawPointer?, Int
    ) -> gam_status = { pointer, key, bytes, length in
        guard let context = hostContext(pointer), length >= 0, length == 0 || bytes != nil else {
            return gam_status(GAM_INTERNAL)
        }
        guard UInt64(length) <= context.limits.metadataBytesMax else {
            return gam_status(GAM_LIMIT)
        }
        let blob = [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
        return context.put(key: String(gamText: key), bytes: blob)
    }

let hostMetadataGet:
    @convention(c) (
        UnsafeMutableRawPointer?, gam_text, UnsafeMutablePointer<UnsafeRawPointer?>?,
        UnsafeMutablePointer<Int>?
    ) -> Int32 = { pointer, key, bytes, length in
        guard let context = hostContext(pointer), let bytes, let length,
            let text = context.kept(String(gamText: key))
        else { return 0 }
        bytes.pointee = UnsafeRawPointer(text.bytes)
        length.pointee = text.length
        return 1
    }

let hostOptionGet:
    @convention(c) (
        UnsafeMutableRawPointer?, gam_text, UnsafeMutablePointer<gam_text>?
    ) -> Int32 = { pointer, key, value in
        guard let context = hostContext(pointer), let value,
            let text = context.option(String(gamText: key))
        else { return 0 }
        value.pointee = text
        return 1
    }

let hostLog: @convention(c) (UnsafeMutableRawPointer?, Int32, gam_text) -> Void = {
    pointer, level, text in
    hostContext(pointer)?.log(level: level, text)
}
