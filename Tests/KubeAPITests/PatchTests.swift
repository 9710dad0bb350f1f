import Errors
import JSON
import Testing

@testable import KubeAPI

@Suite struct PatchTests {
    static let jsonPatches: [(JSONValue, JSONValue, JSONValue?)] = [
        (["a": 1], [["op": "add", "path": "/b", "value": 2]], ["a": 1, "b": 2]),
        (["a": [1, 3]], [["op": "add", "path": "/a/1", "value": 2]], ["a": [1, 2, 3]]),
        (["a": [1]], [["op": "add", "path": "/a/-", "value": 2]], ["a": [1, 2]]),
        (
            ["a/b": 1, "m~n": 2],
            [["op": "remove", "path": "/a~1b"], ["op": "replace", "path": "/m~0n", "value": 3]], ["m~n": 3]
        ),
        (["a": ["b": 1], "c": [:]], [["op": "move", "from": "/a/b", "path": "/c/d"]], ["a": [:], "c": ["d": 1]]),
        (["a": [1]], [["op": "copy", "from": "/a", "path": "/b"]], ["a": [1], "b": [1]]),
        (["a": 1], [["op": "test", "path": "/a", "value": 1]], ["a": 1]),
        (["a": 1], [["op": "test", "path": "/a", "value": 2]], nil),
        (["a": 1], [["op": "replace", "path": "", "value": [1]]], [1]),
        (["a": 1], [["op": "remove", "path": "/b"]], nil),
        (["a": 1], [["op": "replace", "path": "/b", "value": 1]], nil),
        (["a": []], [["op": "add", "path": "/a/1", "value": 1]], nil),
        (["a": [1]], [["op": "remove", "path": "/a/01"]], nil),
        (["a": 1], [["op": "add", "path": "/a/b", "value": 1]], nil),
        (["a": ["b": 1]], [["op": "move", "from": "/a", "path": "/a/b"]], nil),
        (["a": 1], [["op": "jump", "path": "/a"]], nil),
        (["a": 1], [["op": "add", "path": "a", "value": 1]], nil), (["a": 1], ["op": "add"], nil),
        (["a": 1], [["op": "add", "path": "/b"]], nil),
    ]

    @Test(arguments: jsonPatches)
    func jsonPatch(document: JSONValue, patch: JSONValue, result: JSONValue?) throws {
        if let result {
            #expect(try JSONPatch(patch).apply(to: document) == result)
        } else {
            #expect(throws: SwiftletError.self) { try JSONPatch(patch).apply(to: document) }
        }
    }

    @Test func jsonPatchDoesNotExplode() {
        let doubling: JSONValue = .array((0..<64).map { _ in ["op": "copy", "from": "", "path": "/a/-"] })
        #expect(throws: SwiftletError.self) { try JSONPatch(doubling).apply(to: ["a": []]) }
    }

    static let mergePatches: [(JSONValue, JSONValue, JSONValue)] = [
        (["a": "b"], ["a": "c"], ["a": "c"]), (["a": "b"], ["b": "c"], ["a": "b", "b": "c"]),
        (["a": "b"], ["a": nil], [:]),
        (["a": ["b": "c"]], ["a": ["b": "d", "c": nil]], ["a": ["b": "d"]]),
        (["a": [["b": "c"]]], ["a": [1]], ["a": [1]]),
        (["a": "foo"], "bar", "bar"), ([1, 2], ["a": "b", "c": nil], ["a": "b"]),
        ([:], ["a": ["bb": ["ccc": nil]]], ["a": ["bb": [:]]]),
    ]

    @Test(arguments: mergePatches)
    func mergePatch(target: JSONValue, patch: JSONValue, result: JSONValue) {
        #expect(MergePatch.apply(patch, to: target) == result)
    }

    static func containers(_ list: JSONValue) -> JSONValue { ["spec": ["containers": list]] }
    static let a: JSONValue = ["name": "a", "image": "1"]
    static let b: JSONValue = ["name": "b", "image": "1"]

    static let strategic: [(JSONValue, JSONValue, JSONValue)] = [
        (
            containers([a, b]), containers([["name": "b", "image": "2"]]),
            containers([a, ["name": "b", "image": "2"]])
        ),
        (containers([a]), containers([b]), containers([a, b])),
        (containers([a, b]), containers([["name": "a", "$patch": "delete"]]), containers([b])),
        (containers([a, b]), containers([["$patch": "replace"], b]), containers([b])),
        (
            containers([["name": "a", "args": ["x", "y"]]]), containers([["name": "a", "args": ["z"]]]),
            containers([["name": "a", "args": ["z"]]])
        ),
        (
            ["spec": ["containers": [a, b], "x": 1]],
            ["spec": ["$setElementOrder/containers": [["name": "b"], ["name": "a"]], "containers": []]],
            ["spec": ["containers": [b, a], "x": 1]]
        ),
        (
            ["metadata": ["labels": ["a": "1", "b": "2"]]], ["metadata": ["labels": ["a": nil, "c": "3"]]],
            ["metadata": ["labels": ["b": "2", "c": "3"]]]
        ),
        (
            ["metadata": ["labels": ["a": "1"]]], ["metadata": ["labels": ["$patch": "replace", "c": "3"]]],
            ["metadata": ["labels": ["c": "3"]]]
        ),
        (
            ["metadata": ["finalizers": ["x", "y"]]],
            ["metadata": ["$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"]]],
            ["metadata": ["finalizers": ["y", "z"]]]
        ),
        (
            ["spec": ["volumes": [["name": "v", "emptyDir": [:]]]]],
            ["spec": ["volumes": [["name": "v", "hostPath": ["path": "/x"], "$retainKeys": ["name", "hostPath"]]]]],
            ["spec": ["volumes": [["name": "v", "hostPath": ["path": "/x"]]]]]
        ),
        (["spec": ["hostNetwork": true]], ["spec": ["hostNetwork": nil]], ["spec": [:]]),
    ]

    @Test(arguments: strategic)
    func strategicMerge(target: JSONValue, patch: JSONValue, result: JSONValue) throws {
        #expect(try StrategicMergePatch.apply(patch, to: target, kind: "Pod") == result)
    }

    @Test func refusesElementWithoutKey() {
        #expect(throws: SwiftletError.self) {
            try StrategicMergePatch.apply(Self.containers([["image": "x"]]), to: Self.containers([Self.a]), kind: "Pod")
        }
        #expect(throws: SwiftletError.self) {
            try StrategicMergePatch.apply(["$patch": "explode"], to: [:], kind: "Pod")
        }
    }

    /// Each: what was applied, what someone else made of it, what is applied now, what must come out.
    static let applies: [(JSONValue, JSONValue, JSONValue, JSONValue)] = [
        (containers([a]), containers([a]), containers([a]), containers([a])),
        (containers([a, b]), containers([a, b]), containers([a]), containers([a])),
        (
            containers([a]), containers([a, b]), containers([["name": "a", "image": "2"]]),
            containers([["name": "a", "image": "2"], b])
        ),
        (
            ["spec": ["hostname": "x"]], ["spec": ["hostname": "x", "nodeName": "n"]], ["spec": [:]],
            ["spec": ["nodeName": "n"]]
        ),
        (
            ["spec": ["hostname": "x"]], ["spec": ["hostname": "y"]], ["spec": ["hostname": "x"]],
            ["spec": ["hostname": "x"]]
        ),
        (
            ["metadata": ["finalizers": ["a/b", "c/d"]]], ["metadata": ["finalizers": ["a/b", "c/d", "e/f"]]],
            ["metadata": ["finalizers": ["c/d", "g/h"]]], ["metadata": ["finalizers": ["c/d", "e/f", "g/h"]]]
        ),
        (
            ["spec": ["volumes": [["name": "v", "emptyDir": [:]]]]],
            ["spec": ["volumes": [["name": "v", "emptyDir": [:]]]]],
            ["spec": ["volumes": [["name": "v", "hostPath": ["path": "/x"]]]]],
            ["spec": ["volumes": [["name": "v", "hostPath": ["path": "/x"]]]]]
        ),
    ]

    @Test(arguments: applies)
    func threeWay(last: JSONValue, changed: JSONValue, desired: JSONValue, result: JSONValue) throws {
        var live = changed
        let metadata = ThreeWayApply.annotated(last)["metadata"]
        live["metadata"] =
            live["metadata"].map { MergePatch.apply(["annotations": metadata?["annotations"] ?? [:]], to: $0) }
            ?? metadata
        let patch = try ThreeWayApply.patch(live: live, desired: desired, kind: "Pod")
        let after = try StrategicMergePatch.apply(patch, to: live, kind: "Pod")
        var bare = after
        bare["metadata"]?["annotations"] = Optional.none
        if bare["metadata"] == [:] { bare["metadata"] = Optional.none }
        #expect(bare == result)
        #expect(try ThreeWayApply.patch(live: after, desired: desired, kind: "Pod") == [:])
    }

    @Test func appliedAgainUnchangedIsNothing() throws {
        let desired: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"],
            "spec": ["containers": [["name": "a", "image": "i:1"]]],
        ]
        let live = try #require(Admission(ThreeWayApply.annotated(desired), kind: "Pod").object)
        #expect(try ThreeWayApply.patch(live: live, desired: desired, kind: "Pod") == [:])
    }
}
