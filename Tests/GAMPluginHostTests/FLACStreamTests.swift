// FLAC streams whose frames are damaged, missing, or change what they are.

import GAMCore
import GAMPluginHost
import Testing

struct FLACStreamTests {
    /// A header that says neither length nor MD5, and the frames of the files one after the other.
    private func joined(_ signals: [DecodedFile]) throws -> [UInt8] {
        var whole: [UInt8] = []
        for signal in signals {
            let file = try PluginTests.encode(signal, plugin: "audio")
            if whole.isEmpty {
                whole = Array(file.prefix(FLACTests.headBytes))
                whole[21] &= 0xf0
                for byte in 22..<42 { whole[byte] = 0 }
            }
            whole += file.dropFirst(FLACTests.headBytes)
        }
        return whole
    }

    private func error(_ file: [UInt8]) -> PluginError? {
        do throws(PluginError) {
            _ = try PluginTests.decode(file, named: "a.flac")
        } catch {
            return error
        }
        return nil
    }

    @Test func streamsThatChangeAreRefused() throws {
        let first = try FLACTests.signal(blocks: [])
        #expect(error(try joined([first])) == nil)
        for (second, words) in [
            (try FLACTests.signal(bits: 8, blocks: []), "the bit depth changes from 16 to 8"),
            (try FLACTests.signal(channels: 2, blocks: []), "channel count changes from 1 to 2"),
            (try FLACTests.signal(rate: 16_000, blocks: []), "rate changes from 8000 to 16000"),
        ] {
            guard case .unsupported(_, _, let reason)? = error(try joined([first, second])) else {
                Issue.record("\(words): not refused as unsupported")
                continue
            }
            #expect(reason.contains(words), "\(reason)")
            #expect(reason.contains("at sample 9000"), "\(reason)")
        }
    }

    @Test func framesThatDoNotFollowAreRefused() throws {
        let signal = try FLACTests.signal(blocks: [])
        guard case .badInput(_, _, let reason)? = error(try joined([signal, signal])) else {
            Issue.record("frames that begin again were kept")
            return
        }
        #expect(reason.contains("out of order"), "\(reason)")
    }

    @Test func damagedFramesAreRefused() throws {
        let file = try FLACTests.file()
        var unproven = file
        for byte in 26..<42 { unproven[byte] = 0 }
        let frames = FLACTests.headBytes + FLACTests.blocks.count
        for good in [file, unproven] {
            #expect(error(good) == nil)
            for position in stride(from: frames, to: good.count, by: 97) {
                var damaged = good
                damaged[position] ^= 4
                guard case .badInput? = error(damaged) else {
                    Issue.record("byte \(position): \(String(describing: error(damaged)))")
                    continue
                }
            }
        }
    }
}
