import Errors

/// A label selector as written in a query: `app=web,tier in (a, b),!legacy`. All requirements must hold.
public struct LabelSelector: Sendable, Equatable {
    public enum Requirement: Sendable, Equatable {
        case equals(key: String, value: String)
        case notEquals(key: String, value: String)
        case isIn(key: String, values: Set<String>)
        case notIn(key: String, values: Set<String>)
        case exists(key: String)
        case doesNotExist(key: String)
    }

    public var requirements: [Requirement]

    public init(requirements: [Requirement] = []) { self.requirements = requirements }

    public var isEmpty: Bool { requirements.isEmpty }

    /// `!=` and `notin` hold for objects without the key as well.
    public func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .equals(let key, let value): labels[key] == value
            case .notEquals(let key, let value): labels[key] != value
            case .isIn(let key, let values): labels[key].map(values.contains) ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .exists(let key): labels[key] != nil
            case .doesNotExist(let key): labels[key] == nil
            }
        }
    }
}

extension LabelSelector {
    /// Throws `invalidArgument` naming what is wrong.
    public init(_ text: String) throws {
        var reader = SelectorReader(text)
        requirements = []
        if reader.isAtEnd { return }
        repeat { requirements.append(try reader.requirement()) } while reader.take(",")
        guard reader.isAtEnd else { throw reader.fault("',' is expected between requirements") }
    }
}

private struct SelectorReader {
    private let text: String
    private var rest: Substring

    init(_ text: String) {
        self.text = text
        rest = text[...]
        skipSpace()
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\t" } }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ token: String) -> Bool {
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        skipSpace()
        return true
    }

    mutating func word() -> String {
        let word = rest.prefix { !" \t,()=!".contains($0) }
        rest = rest.dropFirst(word.count)
        skipSpace()
        return String(word)
    }

    func fault(_ what: String) -> SwiftletError {
        .invalid(
            "label selector \"\(printable(text))\": \(what)", hint: "write it like app=web,tier in (front,back),!legacy"
        )
    }

    mutating func key() throws -> String {
        let key = word()
        if let wrong = Names.qualified(key) { throw fault("key \"\(printable(key))\": \(wrong)") }
        return key
    }

    mutating func value() throws -> String {
        let value = word()
        if let wrong = Names.labelValue(value) { throw fault("value \"\(printable(value))\": \(wrong)") }
        return value
    }

    mutating func requirement() throws -> LabelSelector.Requirement {
        if take("!") { return .doesNotExist(key: try key()) }
        let key = try key()
        if take("!=") { return .notEquals(key: key, value: try value()) }
        if take("==") || take("=") { return .equals(key: key, value: try value()) }
        if isAtEnd || rest.first == "," { return .exists(key: key) }
        switch word() {
        case "in": return .isIn(key: key, values: try values())
        case "notin": return .notIn(key: key, values: try values())
        default: throw fault("after a key comes one of = == != in notin")
        }
    }

    mutating func values() throws -> Set<String> {
        guard take("(") else { throw fault("'(' is expected after in and notin") }
        var values: Set<String> = []
        repeat { values.insert(try value()) } while take(",")
        guard take(")") else { throw fault("')' is missing") }
        return values
    }
}
