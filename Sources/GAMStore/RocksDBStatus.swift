// From C to Swift: slices and statuses. What always holds: a message is copied, then freed.

import CRocksDB

extension gam_slice {
    init(_ bytes: UnsafeRawBufferPointer) {
        let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        self.init(bytes: base, count: bytes.count)
    }
}

extension UnsafeRawBufferPointer {
    init(_ slice: gam_slice) {
        self.init(start: slice.bytes, count: slice.count)
    }
}

func withSlice<Result>(_ bytes: [UInt8], _ body: (gam_slice) -> Result) -> Result {
    bytes.withUnsafeBytes { body(gam_slice($0)) }
}

/// Runs a call of the shim and throws what its status says.
func checked<Result>(
    _ operation: String, _ body: (UnsafeMutablePointer<gam_status>) -> Result
) throws(StoreError) -> Result {
    var status = gam_status()
    let result = body(&status)
    defer { gam_status_clear(&status) }
    let text = status.message.map { String(cString: $0) } ?? ""
    switch gam_code(UInt32(bitPattern: status.code)) {
    case GAM_OK: return result
    case GAM_NOT_FOUND: throw .notFound(what: operation)
    case GAM_CORRUPTION: throw .corruption(detail: "\(operation): \(text)")
    case GAM_NO_SPACE: throw .noSpace(detail: "\(operation): \(text)")
    case GAM_LOCKED: throw .alreadyOpen(path: text)
    default: throw .io(operation: operation, detail: text)
    }
}
