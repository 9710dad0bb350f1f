import JSON
import Testing

@testable import KubeAPI

@Suite struct PrinterTests {
    private static func status(
        _ name: String, _ state: JSONValue, ready: Bool = false, restarts: Int64 = 0, started: Bool = false
    ) -> JSONValue {
        [
            "name": .string(name), "ready": .bool(ready), "restartCount": .int(restarts), "image": "", "imageID": "",
            "state": state, "started": .bool(started),
        ]
    }
    private static let running: JSONValue = ["running": [:]]
    private static func ended(_ code: Int64, _ reason: String? = nil) -> JSONValue {
        var end: JSONValue = ["exitCode": .int(code)]
        end["reason"] = reason.map { .string($0) }
        return ["terminated": end]
    }
    private static func waiting(_ reason: String) -> JSONValue { ["waiting": ["reason": .string(reason)]] }
    private static let isReady: JSONValue = [["type": "Ready", "status": "True"]]

    static let words: [(JSONValue, JSONValue, String, String)] = [
        (["phase": "Pending"], [:], "Pending", "0/2"),
        (
            [
                "phase": "Running",
                "containerStatuses": [status("a", running, ready: true), status("b", running, ready: true)],
            ], [:], "Running", "2/2"
        ),
        (
            [
                "phase": "Pending",
                "containerStatuses": [status("a", waiting("ContainerCreating")), status("b", waiting("ErrImagePull"))],
            ], [:], "ContainerCreating", "0/2"
        ),
        (
            [
                "phase": "Running",
                "containerStatuses": [status("a", running, ready: true), status("b", waiting("CrashLoopBackOff"))],
            ], [:], "CrashLoopBackOff", "1/2"
        ),
        (
            [
                "phase": "Succeeded",
                "containerStatuses": [status("a", ended(0, "Completed")), status("b", ended(0, "Completed"))],
            ], [:], "Completed", "0/2"
        ),
        (
            [
                "phase": "Running",
                "containerStatuses": [status("a", ended(0, "Completed")), status("b", running, ready: true)],
                "conditions": isReady,
            ], [:], "Running", "1/2"
        ),
        (
            [
                "phase": "Running",
                "containerStatuses": [status("a", ended(0, "Completed")), status("b", running, ready: true)],
            ], [:], "NotReady", "1/2"
        ),
        (
            ["phase": "Failed", "containerStatuses": [status("a", ended(3)), status("b", ended(0))]], [:], "ExitCode:3",
            "0/2"
        ),
        (["phase": "Failed", "reason": "Evicted"], [:], "Evicted", "0/2"),
        (["phase": "Running"], ["deletionTimestamp": "2026-01-01T00:00:00Z"], "Terminating", "0/2"),
        (["phase": "Failed", "reason": "Evicted"], ["deletionTimestamp": "2026-01-01T00:00:00Z"], "Evicted", "0/2"),
        (
            [
                "phase": "Pending",
                "conditions": [["type": "PodScheduled", "status": "False", "reason": "SchedulingGated"]],
            ], [:], "SchedulingGated", "0/2"
        ),
    ]

    @Test(arguments: words)
    func statusWord(status: JSONValue, metadata: JSONValue, word: String, ready: String) throws {
        let summary = PodSummary(
            try Pod(["metadata": metadata, "spec": ["containers": [["name": "a"], ["name": "b"]]], "status": status]))
        #expect(summary.status == word)
        #expect("\(summary.ready)/\(summary.total)" == ready)
    }

    static let initial: [(JSONValue, String)] = [
        ([status("i", running), status("s", waiting("PodInitializing"))], "Init:0/2"),
        ([status("i", ended(0)), status("s", running, ready: true, started: true)], "PodInitializing"),
        ([status("i", ended(0)), status("s", running)], "Init:1/2"),
        ([status("i", ended(2, "Error")), status("s", waiting("PodInitializing"))], "Init:Error"),
        ([status("i", ended(2)), status("s", waiting("PodInitializing"))], "Init:ExitCode:2"),
        ([status("i", waiting("CrashLoopBackOff"))], "Init:CrashLoopBackOff"),
    ]

    @Test(arguments: initial)
    func initWord(statuses: JSONValue, word: String) throws {
        let pod: JSONValue = [
            "metadata": [:],
            "spec": [
                "containers": [["name": "a"]],
                "initContainers": [["name": "i"], ["name": "s", "restartPolicy": "Always"]],
            ],
            "status": [
                "phase": "Pending", "initContainerStatuses": statuses,
                "containerStatuses": [Self.status("a", Self.waiting("PodInitializing"))],
            ],
        ]
        #expect(PodSummary(try Pod(pod)).status == word)
    }

    @Test func tableOfPods() throws {
        let pod: JSONValue = [
            "metadata": ["name": "web", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"],
            "spec": ["containers": [["name": "a"]], "nodeName": "n1"],
            "status": [
                "phase": "Running", "podIP": "10.0.0.2",
                "containerStatuses": [
                    [
                        "name": "a", "ready": true, "restartCount": 2, "image": "", "imageID": "",
                        "state": ["running": [:]],
                        "lastState": ["terminated": ["exitCode": 1, "finishedAt": "2026-01-01T00:01:00Z"]],
                    ]
                ],
            ],
        ]
        let now = try Timestamp(rfc3339: "2026-01-01T00:05:00Z")
        let table = TablePrinter(kind: "Pod").table([pod], now: now, resourceVersion: "7")
        #expect(
            table.columnDefinitions.filter { $0.priority == 0 }.map(\.name) == [
                "Name", "Ready", "Status", "Restarts", "Age",
            ])
        #expect(
            table.columnDefinitions.filter { $0.priority == 1 }.map(\.name) == [
                "IP", "Node", "Nominated Node", "Readiness Gates",
            ])
        #expect(
            table.rows[0].cells == ["web", "1/1", "Running", "2 (4m ago)", "5m", "10.0.0.2", "n1", "<none>", "<none>"])
        #expect(table.json["kind"] == "Table" && table.json["metadata"]?["resourceVersion"] == "7")
        #expect(table.json["rows"]?[0]?["object"]?["metadata"]?["name"] == "web")
        #expect(try Table(table.json) == table)
        #expect(TablePrinter(kind: "Pod").table([], now: now).json["rows"] == [])
    }

    @Test(arguments: ["Pod", "Namespace", "Node", "Event", "Other"])
    func cellsMatchColumns(kind: String) {
        let objects: [JSONValue] = [
            ["metadata": ["name": "x"]],
            ["metadata": ["name": "x"], "spec": ["containers": []], "involvedObject": ["kind": "Pod", "name": "x"]],
        ]
        let table = TablePrinter(kind: kind).table(objects, now: Timestamp(seconds: 0))
        for row in table.rows where !row.cells.contains("Unreadable") {
            #expect(row.cells.count == table.columnDefinitions.count)
        }
    }
}
