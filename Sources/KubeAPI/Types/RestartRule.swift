/// What follows from some exit codes of a container, whatever its restart policy says.
public struct ContainerRestartRule: KubeCodable {
    public enum Action: String, Codable, Sendable {
        case restart = "Restart"
        /// All containers of the pod end and begin anew, init containers first, in the same sandbox.
        case restartAllContainers = "RestartAllContainers"
    }

    public var action: Action
    public var exitCodes: ContainerRestartRuleOnExitCodes?
}

public struct ContainerRestartRuleOnExitCodes: KubeCodable {
    public enum Operator: String, Codable, Sendable {
        case `in` = "In"
        case notIn = "NotIn"
    }

    public var `operator`: Operator
    public var values: [Int32] = []

    func holds(for code: Int32) -> Bool { values.contains(code) == (`operator` == .in) }
}

extension Container {
    /// Of the first rule that holds.
    public func restartAction(exitCode: Int32) -> ContainerRestartRule.Action? {
        restartPolicyRules.first { $0.exitCodes?.holds(for: exitCode) ?? false }?.action
    }
}
