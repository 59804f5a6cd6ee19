// From text to values of options: TOML files, environment variables and command line options.
// What always holds: a value is checked against its option's type and range before it counts, and
// a key outside the table is an error that names its place, so that nothing misspelled is ignored.

import TOMLKit

/// A value before it is known to fit its option.
enum ConfigurationValue: Equatable {
    case integer(Int)
    case boolean(Bool)
    case text(String)
    case integers([Int])
    case texts([String])
    /// Anything else TOML can say.
    case other

    init(_ value: any TOMLValueConvertible) {
        if let number = value.int {
            self = .integer(number)
        } else if let flag = value.bool {
            self = .boolean(flag)
        } else if let text = value.string {
            self = .text(text)
        } else if let array = value.array {
            let numbers = array.compactMap { $0.int }
            let texts = array.compactMap { $0.string }
            if numbers.count == array.count {
                self = .integers(numbers)
            } else {
                self = texts.count == array.count ? .texts(texts) : .other
            }
        } else {
            self = .other
        }
    }
}

extension ConfigurationKey {
    /// A value written for a person: `8`, `true`, `debug`, `[1, 2]`, `1,2`, `a:b`.
    func value(written text: String) -> ConfigurationValue {
        switch target {
        case .text, .choice, .octal:
            return .text(text)
        case .integer, .boolean:
            return Self.toml(text) ?? .text(text)
        case .integers:
            return Self.toml(text.hasPrefix("[") ? text : "[\(text)]") ?? .other
        case .texts:
            if text.hasPrefix("[") { return Self.toml(text) ?? .other }
            return .texts(text.split(separator: ":").map(String.init))
        case .prefixLimits:
            if text.hasPrefix("[") { return Self.toml(text) ?? .other }
            return .texts(text.isEmpty ? [] : [text])
        }
    }

    private static func toml(_ text: String) -> ConfigurationValue? {
        guard let table = try? TOMLTable(string: "value = \(text)"), table.keys.count == 1 else {
            return nil
        }
        return table["value"].map { ConfigurationValue($0) }
    }

    /// Sets the option; throws when the value has the wrong type or is out of range.
    func set(
        _ value: ConfigurationValue, in configuration: inout ServerConfiguration, place: String
    ) throws(ConfigurationError) {
        switch (target, value) {
        case (.integer(let target, let range), .integer(let number)):
            configuration[keyPath: target] = try checked(number, range, place)
        case (.boolean(let target), .boolean(let flag)):
            configuration[keyPath: target] = flag
        case (.text(let target), .text(let text)):
            configuration[keyPath: target] = text
        case (.choice(let target, let choices), .text(let text)):
            guard choices.contains(text) else { throw outOfRange(expected, place) }
            configuration[keyPath: target] = text
        case (.octal(let target), .text(let text)):
            guard let mode = Int(text, radix: 8), (0...0o777).contains(mode) else {
                throw outOfRange(expected, place)
            }
            configuration[keyPath: target] = mode
        case (.integers(let target, let range), .integers(let numbers)):
            for number in numbers { _ = try checked(number, range, place) }
            configuration[keyPath: target] = numbers
        case (.texts(let target), .texts(let texts)):
            configuration[keyPath: target] = texts
        case (.texts(let target), .integers([])):
            configuration[keyPath: target] = []
        case (.prefixLimits(let target, let range), .texts(let texts)):
            configuration[keyPath: target] = try limits(texts, range, place)
        case (.prefixLimits(let target, _), .integers([])):
            configuration[keyPath: target] = []
        default:
            throw .wrongType(place: place, key: name, expected: expected)
        }
    }

    private var expected: String {
        switch target {
        case .integer: "an integer"
        case .boolean: "true or false"
        case .text: "a string"
        case .choice(_, let choices): "one of " + choices.joined(separator: ", ")
        case .octal: "an octal number in quotes, for example \"0660\""
        case .integers: "a list of integers"
        case .texts: "a list of strings"
        case .prefixLimits: "a list of \"prefix=number\", each prefix once"
        }
    }

    /// The prefix is all before the last "=".
    private func limits(
        _ texts: [String], _ range: ClosedRange<Int>, _ place: String
    ) throws(ConfigurationError) -> [ServerConfiguration.PrefixLimit] {
        var limits: [ServerConfiguration.PrefixLimit] = []
        for text in texts {
            guard let equals = text.lastIndex(of: "="), equals > text.startIndex,
                let limit = Int(text[text.index(after: equals)...])
            else { throw .wrongType(place: place, key: name, expected: expected) }
            let prefix = String(text[..<equals])
            guard limits.limit(of: prefix) == nil else {
                throw .wrongType(place: place, key: name, expected: expected)
            }
            limits.append(.init(prefix: prefix, limit: try checked(limit, range, place)))
        }
        return limits
    }

    private func checked(
        _ number: Int, _ range: ClosedRange<Int>, _ place: String
    ) throws(ConfigurationError) -> Int {
        if range.contains(number) { return number }
        throw outOfRange("\(range.lowerBound) to \(range.upperBound)", place)
    }

    private func outOfRange(_ allowed: String, _ place: String) -> ConfigurationError {
        .outOfRange(place: place, key: name, allowed: allowed)
    }
}

/// The options one file sets, with the line of each.
struct ConfigurationFile {
    struct Entry {
        let key: ConfigurationKey
        let value: ConfigurationValue
        let place: String
    }
    let entries: [Entry]

    /// - Parameter path: names the text in errors.
    init(_ text: String, path: String) throws(ConfigurationError) {
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw .syntax(place: "\(path):\(error.source.begin.line)", reason: error.description)
        } catch {
            throw .syntax(place: path, reason: "\(error)")
        }
        let lines = ConfigurationLines(text, path: path)
        var entries: [Entry] = []
        for section in root.keys {
            guard let table = root[section]?.table, ConfigurationKeys.sections.contains(section)
            else { throw .unknownKey(place: lines.place(section, nil), key: section) }
            for key in table.keys {
                let name = "\(section).\(key)"
                let place = lines.place(section, key)
                guard let option = ConfigurationKeys.byName[name], let value = table[key] else {
                    throw .unknownKey(place: place, key: name)
                }
                entries.append(Entry(key: option, value: .init(value), place: place))
            }
        }
        self.entries = entries
    }
}

/// Finds the line of a key. The text has been parsed before, so a line that looks like a key is
/// one, except inside a text of several lines; the first match is taken.
private struct ConfigurationLines {
    private let path: String
    private var lines: [String: Int] = [:]

    init(_ text: String, path: String) {
        self.path = path
        var section = ""
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in all.enumerated() {
            let content = line.drop { $0 == " " || $0 == "\t" }
            if content.hasPrefix("["), let end = content.firstIndex(of: "]") {
                section = Self.bare(content[content.index(after: content.startIndex)..<end])
                note(section, index + 1)
            } else if !content.hasPrefix("#"), let equals = content.firstIndex(of: "=") {
                let key = Self.bare(content[..<equals])
                note(section.isEmpty ? key : "\(section).\(key)", index + 1)
                if section.isEmpty, let dot = key.firstIndex(of: ".") {
                    note(String(key[..<dot]), index + 1)
                }
            }
        }
    }

    private mutating func note(_ name: String, _ line: Int) {
        if lines[name] == nil { lines[name] = line }
    }

    private static func bare(_ text: Substring) -> String {
        String(text.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" })
    }

    func place(_ section: String, _ key: String?) -> String {
        let name = key.map { "\(section).\($0)" } ?? section
        return (lines[name] ?? lines[section]).map { "\(path):\($0)" } ?? path
    }
}

extension ServerConfiguration {
    /// The defaults with what one text sets.
    /// - Parameter path: names the text in errors.
    public init(parsing text: String, path: String) throws(ConfigurationError) {
        self.init()
        for entry in try ConfigurationFile(text, path: path).entries {
            try entry.key.set(entry.value, in: &self, place: entry.place)
        }
    }
}
