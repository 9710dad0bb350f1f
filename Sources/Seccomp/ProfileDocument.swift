import Errors
import JSON

extension SeccompProfile {
    /// Reads a `Localhost` profile. Errors: `invalidArgument` naming the place in the document.
    public init(document: JSONValue) throws(SwiftletError) {
        guard case .object(let members) = document else {
            throw .invalid("a seccomp profile is a JSON object, this is a \(document.kind)")
        }
        for key in ["listenerPath", "listenerMetadata"] where members[key] != nil {
            throw .invalid("\(key): user notification is not supported")
        }
        for flag in members["flags"]?.array ?? [] where flag.string != "SECCOMP_FILTER_FLAG_SPEC_ALLOW" {
            throw .invalid("flags: \(printable(flag.text())) is not supported")
        }
        guard let action = members["defaultAction"] else { throw .invalid("defaultAction is missing") }
        defaultAction = try Self.action(action, errno: members["defaultErrnoRet"], at: "defaultAction")
        architectures = []
        for (index, value) in try Self.list(members["architectures"], at: "architectures").enumerated() {
            guard let name = value.string, name.hasPrefix("SCMP_ARCH_") else {
                throw .invalid("architectures[\(index)]: \(printable(value.text())) is no SCMP_ARCH name")
            }
            architectures.append(String(name.dropFirst("SCMP_ARCH_".count)))
        }
        rules = []
        for (index, value) in try Self.list(members["syscalls"], at: "syscalls").enumerated() {
            rules.append(try Self.rule(value, at: "syscalls[\(index)]"))
        }
    }

    private static func rule(_ value: JSONValue, at place: String) throws(SwiftletError) -> Rule {
        for key in ["includes", "excludes"] {
            if let condition = value[key]?.object, condition.values.contains(where: { $0.array?.isEmpty != true }) {
                throw .invalid(
                    "\(place).\(key) belongs to Docker's templates, not to a profile",
                    hint: "resolve it and drop the key")
            }
        }
        var names: [String] = []
        for name in try list(value["names"], at: "\(place).names") {
            guard let name = name.string else { throw .invalid("\(place).names has a \(name.kind)") }
            names.append(name)
        }
        if let name = value["name"]?.string { names.append(name) }
        guard !names.isEmpty else { throw .invalid("\(place).names is empty") }
        guard let word = value["action"] else { throw .invalid("\(place).action is missing") }
        let action = try action(word, errno: value["errnoRet"], at: "\(place).action")
        var conditions: [Condition] = []
        for (index, argument) in try list(value["args"], at: "\(place).args").enumerated() {
            conditions.append(try condition(argument, at: "\(place).args[\(index)]"))
        }
        return Rule(names, action, conditions)
    }

    private static func condition(_ value: JSONValue, at place: String) throws(SwiftletError) -> Condition {
        guard let index = value["index"]?.int, (0...5).contains(index) else {
            throw .invalid("\(place).index must be 0…5")
        }
        guard let word = value["op"]?.string, let comparison = Condition.Comparison(rawValue: word) else {
            throw .invalid("\(place).op: unknown comparison \(printable(value["op"]?.text() ?? "(missing)"))")
        }
        return Condition(
            UInt32(index), comparison, try number(value["value"], at: "\(place).value"),
            second: try value["valueTwo"].map { value throws(SwiftletError) in
                try number(value, at: "\(place).valueTwo")
            } ?? 0)
    }

    private static func number(_ value: JSONValue?, at place: String) throws(SwiftletError) -> UInt64 {
        if let value = value?.int, let number = UInt64(exactly: value) { return number }
        if let value = value?.double, let number = UInt64(exactly: value) { return number }
        throw .invalid("\(place) must be a whole number from 0 to 18446744073709551615")
    }

    private static func list(_ value: JSONValue?, at place: String) throws(SwiftletError) -> [JSONValue] {
        guard let value, !value.isNull else { return [] }
        guard let elements = value.array else { throw .invalid("\(place) must be a list") }
        return elements
    }

    private static func action(_ value: JSONValue, errno: JSONValue?, at place: String) throws(SwiftletError) -> Action
    {
        let word = value.string ?? ""
        var data: UInt16 = 1
        if let errno, !errno.isNull {
            guard let number = errno.int, (0...4095).contains(number) else {
                throw .invalid("\(place): errnoRet must be 0…4095")
            }
            data = UInt16(number)
        }
        switch word {
        case "SCMP_ACT_ALLOW": return .allow
        case "SCMP_ACT_LOG": return .log
        case "SCMP_ACT_TRAP": return .trap
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return .killThread
        case "SCMP_ACT_KILL_PROCESS": return .killProcess
        case "SCMP_ACT_ERRNO": return .errno(data)
        case "SCMP_ACT_TRACE": return .trace(data)
        default: throw .invalid("\(place): unknown action \(printable(value.text()))")
        }
    }
}
