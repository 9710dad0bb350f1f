import CRI
import JSON
import Launch

/// The `info` of verbose answers: JSON text for people who look closer.
enum Verbose {
    static func sandbox(_ view: PodView) throws -> String {
        JSONValue.object([
            "sandboxID": .string(view.sandbox.id), "pid": .int(Int64(view.sandbox.shimPID)),
            "cgroup": .string(view.sandbox.cgroup), "hostname": .string(view.sandbox.hostname),
            "config": try RecordCoding.value(view.sandbox.config),
        ]).text()
    }

    static func container(_ view: ContainerView, _ pod: PodView) throws -> String {
        let process = view.process
        return JSONValue.object([
            "sandboxID": .string(pod.sandbox.id), "cgroup": .string(view.cgroup.path),
            "process": .object([
                "args": .array(process.arguments.map { .string($0) }),
                "env": .array(process.environment.map { .string($0) }),
                "cwd": .string(process.workingDirectory), "uid": .int(Int64(process.user)),
                "gid": .int(Int64(process.group)),
                "capabilities": .string("0x" + String(process.capabilities.bounding, radix: 16)),
                "noNewPrivileges": .bool(process.noNewPrivileges),
                "seccomp": .string(process.seccompFilter.isEmpty ? "unconfined" : "filter"),
            ]),
            "config": try RecordCoding.value(view.record.config),
        ]).text()
    }
}
