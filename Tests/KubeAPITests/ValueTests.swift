import Errors
import JSON
import Testing

@testable import KubeAPI

@Suite struct ValueTests {
    static let quantities: [(String, String, Int64)] = [
        ("0", "0", 0), ("0.0", "0", 0), ("1", "1", 1), ("1000", "1k", 1000), ("1500", "1500", 1500), ("0.5", "500m", 1),
        ("1.5", "1500m", 2), ("250m", "250m", 1), ("1000m", "1", 1), ("100u", "100u", 1), ("1n", "1n", 1),
        ("0.1n", "1n", 1),
        ("64Mi", "64Mi", 64 << 20), ("1024Mi", "1Gi", 1 << 30), ("1.5Gi", "1536Mi", 3 << 29), ("0.5Ki", "512", 512),
        ("1e3", "1e3", 1000), ("-2Ki", "-2Ki", -2048),
        ("+1k", "1k", 1000),
        ("100M", "100M", 100_000_000), (".5", "500m", 1), ("1.", "1", 1), ("-0.5", "-500m", 0),
    ]

    @Test(arguments: quantities)
    func quantity(text: String, canonical: String, value: Int64) throws {
        let quantity = try Quantity(text)
        #expect(quantity.description == canonical)
        #expect(quantity.value == value)
        #expect(try Quantity(quantity.description) == quantity)
    }

    @Test func quantityLimits() throws {
        #expect(try Quantity("9999E").value == .max)
        #expect(try Quantity("1e999").value == .max)
        #expect(try Quantity("1e-999").milliValue == 1)
        #expect(try Quantity(String(repeating: "9", count: 100)).value == .max)
        #expect(try Quantity("1000m") == Quantity("1"))
        #expect(try Quantity("1Ki") > Quantity("1k"))
        #expect(try (Quantity("100m") + Quantity("0.9")).description == "1")
    }

    @Test(arguments: [
        "", " 1", "1 ", "m", ".", "1.2.3", "1Kb", "1ki", "--1", "1e", "1e1.5", "0x10", "1e9999999", "1,5", "∞", "１",
    ])
    func refusesQuantity(text: String) {
        #expect(throws: SwiftletError.self) { try Quantity(text) }
    }

    static let times: [(String, Int64, Int32, String)] = [
        ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
        ("2000-02-29T12:00:00Z", 951_825_600, 0, "2000-02-29T12:00:00Z"),
        ("2026-11-21T08:15:00+02:00", 1_795_241_700, 0, "2026-11-21T06:15:00Z"),
        ("1969-12-31T23:59:59.5Z", -1, 500_000_000, "1969-12-31T23:59:59Z"),
        ("2026-11-21T06:15:00.123456789Z", 1_795_241_700, 123_456_789, "2026-11-21T06:15:00Z"),
    ]

    @Test(arguments: times)
    func timestamp(text: String, seconds: Int64, nanoseconds: Int32, written: String) throws {
        let time = try Timestamp(rfc3339: text)
        #expect(time == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        #expect(time.rfc3339 == written)
        #expect(try Timestamp(rfc3339: time.rfc3339Nano) == time)
    }

    @Test(arguments: [
        "", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zz",
    ])
    func refusesTimestamp(text: String) {
        #expect(throws: SwiftletError.self) { try Timestamp(rfc3339: text) }
    }

    static let ages: [(Int64, String)] = [
        (-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (121, "2m1s"), (599, "9m59s"), (600, "10m"),
        (10799, "179m"),
        (10800, "3h"), (10860, "3h1m"), (28799, "7h59m"), (28800, "8h"), (172_799, "47h"), (172_800, "2d"),
        (176_400, "2d1h"),
        (691_199, "7d23h"), (691_200, "8d"), (63_071_999, "729d"), (63_072_000, "2y"), (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ]

    @Test(arguments: ages)
    func age(seconds: Int64, text: String) { #expect(ageText(seconds: seconds) == text) }
}

@Suite struct CodingTests {
    @Test func readsAndWritesAPod() throws {
        let json: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "a", "creationTimestamp": "2026-11-21T06:15:00Z"],
            "spec": [
                "containers": [
                    [
                        "name": "c", "image": "i", "resources": ["limits": ["memory": "64Mi"]],
                        "livenessProbe": ["httpGet": ["port": "web"]], "ports": [["containerPort": 80]],
                    ]
                ], "volumes": [["name": "v", "emptyDir": [:]]], "restartPolicy": "Never",
            ],
            "status": [
                "containerStatuses": [
                    [
                        "name": "c", "ready": false, "restartCount": 1, "image": "i", "imageID": "",
                        "state": ["terminated": ["exitCode": 3]],
                    ]
                ]
            ],
        ]
        let pod = try Pod(json)
        #expect(pod.spec.containers[0].resources?.limits["memory"]?.value == 64 << 20)
        #expect(pod.spec.volumes[0].emptyDir == EmptyDirVolumeSource())
        #expect(pod.status?.containerStatuses[0].state?.terminated?.exitCode == 3)
        #expect(pod.json == json)
    }

    static let wrong: [(JSONValue, String)] = [
        (["spec": [:]], "metadata"),
        (["metadata": [:], "spec": ["containers": [["name": 1]]]], "spec.containers[0].name"),
        (["metadata": [:], "spec": ["containers": "x"]], "spec.containers"),
        (["metadata": ["creationTimestamp": "now"], "spec": [:]], "metadata.creationTimestamp"),
        (
            ["metadata": [:], "spec": ["containers": [["name": "c", "ports": [["containerPort": 3_000_000_000]]]]]],
            "spec.containers[0].ports[0].containerPort"
        ),
    ]

    @Test(arguments: wrong)
    func namesThePath(json: JSONValue, path: String) {
        let error = #expect(throws: SwiftletError.self) { try Pod(json) }
        #expect(error?.object == path)
    }
}
