import JSON
import Testing

@testable import KubeAPI

@Suite struct RestartRuleTests {
    static func rule(_ word: String, _ codes: [Int64], action: String = "Restart") -> JSONValue {
        [
            "action": .string(action),
            "exitCodes": ["operator": .string(word), "values": .array(codes.map(JSONValue.int))],
        ]
    }

    /// The rules, an exit code, what follows.
    static let cases: [([JSONValue], Int32, ContainerRestartRule.Action?)] = [
        ([], 1, nil), ([rule("In", [1, 2])], 2, .restart), ([rule("In", [1, 2])], 3, nil),
        ([rule("NotIn", [1])], 1, nil), ([rule("NotIn", [1])], 0, .restart),
        // The first that holds.
        ([rule("In", [1]), rule("NotIn", [0], action: "RestartAllContainers")], 1, .restart),
        ([rule("In", [1]), rule("NotIn", [0], action: "RestartAllContainers")], 2, .restartAllContainers),
    ]

    @Test(arguments: cases) func follows(
        _ rules: [JSONValue], _ code: Int32, _ action: ContainerRestartRule.Action?
    ) throws {
        let container = try Container(["name": "a", "restartPolicyRules": .array(rules)])
        #expect(container.restartAction(exitCode: code) == action)
    }

    /// What is beside the rules, the rules, paths of the faults.
    static let faults: [(JSONValue, [JSONValue], [String])] = [
        (["restartPolicy": "Never"], [rule("In", [1])], []),
        ([:], [rule("In", [1])], ["restartPolicy"]),
        (["restartPolicy": "Never"], [rule("In", [])], ["restartPolicyRules[0].exitCodes.values"]),
        (["restartPolicy": "Never"], [rule("In", [1, 2, 1])], ["restartPolicyRules[0].exitCodes.values[2]"]),
        (["restartPolicy": "Never"], [["action": "Restart"]], ["restartPolicyRules[0].exitCodes"]),
        (["restartPolicy": "Never"], Array(repeating: rule("In", [1]), count: 21), ["restartPolicyRules"]),
        (
            ["restartPolicy": "Never"], [rule("NotIn", (0..<256).map { $0 })],
            ["restartPolicyRules[0].exitCodes.values"]
        ),
    ]

    @Test(arguments: faults) func refuses(_ more: JSONValue, _ rules: [JSONValue], _ paths: [String]) {
        var container: JSONValue = ["name": "a", "image": "i:1", "restartPolicyRules": .array(rules)]
        for (key, value) in more.object ?? [:] { container[key] = value }
        let pod: JSONValue = ["metadata": ["name": "p"], "spec": ["containers": [container]]]
        #expect(PodValidation.faults(pod).map(\.path) == paths.map { "spec.containers[0].\($0)" })
    }

    @Test func wordsAreChecked() {
        let pod: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": [
                "containers": [
                    [
                        "name": "a", "image": "i:1", "restartPolicy": "Never",
                        "restartPolicyRules": [Self.rule("Within", [1], action: "Explode")],
                    ]
                ]
            ],
        ]
        let paths = Admission(pod, kind: "Pod").faults.map(\.path)
        #expect(paths.contains("spec.containers[0].restartPolicyRules[0].action"))
        #expect(paths.contains("spec.containers[0].restartPolicyRules[0].exitCodes.operator"))
    }

    /// Init containers may have any policy of their own.
    @Test(arguments: ["Always", "OnFailure", "Never"]) func initPolicies(_ policy: String) {
        let pod: JSONValue = [
            "metadata": ["name": "p"],
            "spec": [
                "containers": [["name": "a", "image": "i:1"]],
                "initContainers": [["name": "b", "image": "i:1", "restartPolicy": .string(policy)]],
            ],
        ]
        #expect(PodValidation.faults(pod).isEmpty)
    }
}
