// How far a transfer is, with rate and time left, on stderr when it is a terminal.
// What always holds: nothing is printed when stderr is not a terminal.

import CLinux
import Glibc

final class ProgressLine {
    private static let intervalMilliseconds: Int64 = 100
    let isShown = isatty(STDERR_FILENO) == 1
    private var phase = ""
    private var phaseStart: Int64 = 0
    private var lastShown: Int64 = 0
    private var isDirty = false

    /// - Parameter bytes: bytes the whole phase moves or works on; they give the rate. 0: unknown.
    func show(_ phase: String, _ fraction: Double, bytes: UInt64 = 0) {
        guard isShown else { return }
        let now = clinux_milliseconds()
        if phase != self.phase {
            self.phase = phase
            phaseStart = now
        } else if now - lastShown < Self.intervalMilliseconds && fraction < 1 {
            return
        }
        lastShown = now
        isDirty = true
        tellPart(Self.text(phase, fraction, bytes, seconds: Double(now - phaseStart) / 1000))
    }

    /// Removes the line.
    func clear() {
        guard isDirty else { return }
        isDirty = false
        tellPart("")
    }

    deinit { clear() }

    static func text(
        _ phase: String, _ fraction: Double, _ bytes: UInt64, seconds: Double
    ) -> String {
        let part = min(max(fraction, 0), 1)
        var text = "\(phase) \(Int(part * 100)) %"
        guard seconds > 0.2, part > 0 else { return text }
        if bytes > 0 { text += "  \(readableBytes(Double(bytes) * part / seconds))/s" }
        let left = Int(seconds * (1 - part) / part)
        text += "  \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
        return text
    }

    private func tellPart(_ text: String) {
        let line = Array("\r\u{1B}[K\(text)".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}
