// The puts of one connection whose bytes are arriving. Used by its reader thread alone.
// What always holds: bytes are hashed as they come and go to a file, never to memory.

import GAMCore
import GAMProtocol

final class UploadTable {
    private final class Entry {
        let begin: WireRequest
        let spool: SpoolFile
        let arrived: RequestContext
        var hasher = BodyHasher()

        init(begin: WireRequest, spool: SpoolFile, arrived: RequestContext) {
            self.begin = begin
            self.spool = spool
            self.arrived = arrived
        }
    }

    private let folder: SpoolFolder
    private let bytesMax: Int
    private var entries: [UInt32: Entry] = [:]

    init(folder: SpoolFolder, bytesMax: Int) {
        self.folder = folder
        self.bytesMax = bytesMax
    }

    func begin(_ id: UInt32, _ request: WireRequest) throws {
        _ = try SignalKey(request.key)
        var limit = bytesMax
        if request.putBegin.hasSamples {
            let expected = try SignalDescription(checking: request.putBegin.samples).rawBytes
            guard expected <= bytesMax else {
                throw Failure(
                    .tooLarge, "samples of \(expected) bytes; at most \(bytesMax) are allowed")
            }
            limit = expected
        }
        entries[id] = Entry(
            begin: request, spool: try folder.file("the upload", bytesMax: limit),
            arrived: RequestContext(deadlineMilliseconds: request.deadlineMs))
    }

    func append(_ id: UInt32, _ bytes: UnsafeRawBufferPointer) throws {
        guard let entry = entries[id] else { return }
        try entry.arrived.check()
        try folder.checkFreeSpace(before: bytes.count)
        try entry.spool.append(bytes)
        entry.hasher.update(bytes)
    }

    func finish(_ id: UInt32) -> (upload: Upload, context: RequestContext)? {
        guard let entry = entries.removeValue(forKey: id) else { return nil }
        let upload = Upload(
            begin: entry.begin, spool: entry.spool, hash: entry.hasher.value())
        return (upload, entry.arrived)
    }

    func drop(_ id: UInt32) { entries[id] = nil }

    func dropAll() { entries = [:] }
}
