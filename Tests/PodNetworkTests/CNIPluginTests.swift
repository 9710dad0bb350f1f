import Errors
import Foundation
import JSON
import LinuxSystem
import Testing

@testable import PodNetwork

/// Makes a program of a script. Another process writes it: a descriptor of ours could be inherited by what another test starts,
/// and a file that somebody may write to cannot be run.
func install(_ script: String, at path: String) throws {
    try Data(script.utf8).write(to: URL(filePath: path + ".text"))
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/install")
    process.arguments = ["-m", "755", path + ".text", path]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
}

/// Plugins that are small scripts. Each writes down what it was told before it does what `body` says of its command.
final class FakePlugins {
    let scratch: Scratch
    let chain: PluginChain

    static let result = #"{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.2/24"}]}"#

    init(timeLimit: Duration = .seconds(60)) throws {
        scratch = try Scratch()
        chain = PluginChain(runner: PluginRunner(folders: ["/nowhere", scratch.path], timeLimit: timeLimit))
    }

    /// `speaks`: the answer to VERSION.
    func add(
        _ name: String, speaks: [String] = ["0.4.0", "1.0.0", "1.1.0"], _ body: String = "echo '\(FakePlugins.result)'"
    )
        throws
    {
        let versions = JSONValue.array(speaks.map { .string($0) }).text()
        let script = """
            #!/bin/sh
            input=$(cat)
            me=${0##*/}
            printf '%s' "$input" >"\(scratch.path)/$me.$CNI_COMMAND"
            env >"\(scratch.path)/$me.$CNI_COMMAND.env"
            echo "$CNI_COMMAND $me" >>"\(scratch.path)/log"
            [ "$CNI_COMMAND" != VERSION ] || { echo '{"cniVersion":"1.0.0","supportedVersions":\(versions)}'; exit; }
            \(body)
            """
        try install(script, at: "\(scratch.path)/\(name)")
    }

    func network(_ names: String..., version: String = "1.0.0", more: String = "") throws -> NetworkList {
        let plugins = names.map { #"{"type":"\#($0)","capabilities":{"dns":true},"own":"\#($0)"}"# }
        return try networkList(
            #"{"cniVersion":"\#(version)","name":"nest"\#(more),"plugins":[\#(plugins.joined(separator: ","))]}"#)
    }

    func attachment(_ network: NetworkList) throws -> PluginAttachment {
        let request = NetworkRequest(
            sandboxID: "s1", podNamespace: "ns", podName: "pod", podUID: "u",
            resolver: .init(servers: ["192.0.2.53"], searches: [], options: []))
        return try PluginAttachment(request, network: network)
    }

    /// What ran, in order.
    var log: [String] {
        (try? String(contentsOfFile: scratch.path + "/log", encoding: .utf8))?.split(separator: "\n").map(String.init)
            ?? []
    }

    func input(_ name: String, _ command: String) throws -> JSONValue {
        try JSONValue.parse(Array(Data(contentsOf: URL(filePath: "\(scratch.path)/\(name).\(command)"))))
    }

    func environment(_ name: String, _ command: String) throws -> [String: String] {
        let text = try String(contentsOfFile: "\(scratch.path)/\(name).\(command).env", encoding: .utf8)
        return Dictionary(
            text.split(separator: "\n").map { line in
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return (parts[0], parts[1])
            }, uniquingKeysWith: { _, last in last })
    }
}

@Suite struct PluginProcesses {
    private func run(_ script: String, timeLimit: Duration = .seconds(60)) throws -> PluginProcess.Outcome {
        let scratch = try Scratch()
        let path = "\(scratch.path)/program"
        try install("#!/bin/sh\n\(script)\n", at: path)
        return try PluginProcess(
            path: path, environment: ["PATH=/bin:/usr/bin", "A=b"], input: Array("told".utf8), timeLimit: timeLimit
        ).run()
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func isToldAndHeard() throws {
        let outcome = try run("cat; echo \" $A\"; echo words >&2; exit 3")
        #expect(outcome.end == .exited(ProcessExit(code: 3, signal: 0)))
        #expect(text(outcome.output) == "told b\n")
        #expect(text(outcome.messages) == "words\n")
    }

    @Test func killedWithItsGroupWhenItHangs() throws {
        let outcome = try run("echo here; sleep 1000 & echo $!; wait", timeLimit: .milliseconds(300))
        #expect(outcome.end == .timedOut)
        let lines = text(outcome.output).split(separator: "\n")
        #expect(lines.first == "here")
        let child = try #require(lines.last.flatMap { Int32($0) })
        // Killed with the same call; whoever inherits it reaps it soon.
        let isGone = { (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8))?.contains(") Z ") ?? true }
        while !isGone() { usleep(1000) }
    }

    @Test func killedWhenItPrintsWithoutEnd() throws {
        #expect(try run("exec cat /dev/zero").end == .printedTooMuch)
        let chatter = try run("head -c 100000000 /dev/zero >&2; echo last >&2")
        #expect(chatter.end == .exited(ProcessExit(code: 0, signal: 0)))
        #expect(chatter.messages.count == PluginProcess.messageLimit)
        #expect(text(chatter.messages).hasSuffix("last\n"))
    }

    @Test func whatItLeavesInTheBackgroundIsNotWaitedFor() throws {
        let outcome = try run("sleep 1000 & echo $!")
        #expect(outcome.end == .exited(ProcessExit(code: 0, signal: 0)))
        let child = try #require(Int32(text(outcome.output).filter { $0 != "\n" }))
        #expect(kill(child, SIGKILL) == 0)
    }

    @Test func aProgramThatCannotRunIsAnError() {
        let error = #expect(throws: SwiftletError.self) {
            try PluginProcess(path: "/nowhere/program", environment: [], input: [], timeLimit: .seconds(1)).run()
        }
        #expect(error?.description.contains("/nowhere/program") == true)
    }
}

@Suite struct PluginChains {
    @Test func addGoesOnWithTheResult() throws {
        let fakes = try FakePlugins()
        try fakes.add("one")
        try fakes.add(
            "two", #"echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.3/24"},{"address":"fd00::3/64"}]}'"#)
        let attachment = try fakes.attachment(fakes.network("one", "two"))
        let result = try fakes.chain.add(attachment, namespace: "/run/ns")
        #expect(result.addresses == ["10.1.0.3", "fd00::3"])
        #expect(fakes.log == ["ADD one", "ADD two"])
        #expect(
            try fakes.input("one", "ADD") == [
                "type": "one", "own": "one", "name": "nest", "cniVersion": "1.0.0",
                "runtimeConfig": ["dns": ["servers": ["192.0.2.53"], "searches": [], "options": []]],
            ])
        #expect(try fakes.input("two", "ADD")["prevResult"] == JSONValue.parse(FakePlugins.result))
        var environment = try fakes.environment("two", "ADD")
        for own in ["PWD", "_", "SHLVL", "OLDPWD"] { environment[own] = nil }  // the shell's
        #expect(
            environment == [
                "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "s1", "CNI_NETNS": "/run/ns", "CNI_IFNAME": "eth0",
                "CNI_ARGS": attachment.arguments, "CNI_PATH": "/nowhere:\(fakes.scratch.path)",
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ])
    }

    @Test func deleteGoesBackwards() throws {
        let fakes = try FakePlugins()
        for name in ["one", "two"] { try fakes.add(name) }
        var attachment = try fakes.attachment(fakes.network("one", "two"))
        attachment.result = try fakes.chain.add(attachment, namespace: "/run/ns")
        try fakes.chain.delete(attachment, namespace: "", afterFailure: false)
        #expect(fakes.log.suffix(2) == ["DEL two", "DEL one"])
        #expect(try fakes.input("one", "DEL")["prevResult"] == attachment.result?.value)
        #expect(try fakes.environment("one", "DEL")["CNI_NETNS"]?.isEmpty == true)
    }

    @Test func beforeVersion040DeleteGetsNoResult() throws {
        let fakes = try FakePlugins()
        try fakes.add("one")
        var attachment = try fakes.attachment(fakes.network("one", version: "0.3.1"))
        attachment.result = try fakes.chain.add(attachment, namespace: "/run/ns")
        try fakes.chain.delete(attachment, namespace: "/run/ns", afterFailure: false)
        #expect(try fakes.input("one", "DEL")["prevResult"] == nil)
        try fakes.chain.check(attachment, namespace: "/run/ns")
        #expect(fakes.log == ["ADD one", "DEL one"])
    }

    @Test func oneThatFailsNamesItselfAndStopsTheChain() throws {
        let fakes = try FakePlugins()
        try fakes.add("one")
        try fakes.add(
            "two", #"echo '{"cniVersion":"1.0.0","code":11,"msg":"no lease","details":"pool \u001b[31m"}'; exit 1"#)
        try fakes.add("three")
        let attachment = try fakes.attachment(fakes.network("one", "two", "three"))
        let error = #expect(throws: SwiftletError.self) { try fakes.chain.add(attachment, namespace: "/run/ns") }
        #expect(error?.message == #"CNI ADD by plugin two of network nest: no lease: pool \u{1b}[31m (code 11)"#)
        #expect(error?.code == .unavailable)
        #expect(fakes.log == ["ADD one", "ADD two"])
        #expect(throws: SwiftletError.self) {
            try fakes.chain.delete(attachment, namespace: "/run/ns", afterFailure: false)
        }
        #expect(fakes.log.suffix(2) == ["DEL three", "DEL two"])
        let all = #expect(throws: SwiftletError.self) {
            try fakes.chain.delete(attachment, namespace: "/run/ns", afterFailure: true)
        }
        #expect(fakes.log.suffix(3) == ["DEL three", "DEL two", "DEL one"])
        #expect(all?.description.contains("plugin two") == true)
    }

    @Test(arguments: [
        ("echo garbage", "JSON"), ("true", "no result"), ("echo garbage; exit 4", "exit status 4 and printed: garbage"),
        ("echo why >&2; exit 4", "it wrote: why"), ("kill -9 $$", "signal 9"), ("cat /dev/zero", "printed more than"),
        (#"echo '{"cniVersion":"1.0.0"}'"#, "no address"),
    ])
    func whatIsNoResult(_ body: String, _ word: String) throws {
        let fakes = try FakePlugins()
        try fakes.add("bad", body)
        let attachment = try fakes.attachment(fakes.network("bad"))
        let error = #expect(throws: SwiftletError.self) { try fakes.chain.add(attachment, namespace: "/run/ns") }
        let text = error?.description ?? ""
        #expect(text.contains(word) && text.contains("bad") && text.contains("nest"), "\(text)")
    }

    @Test func oneThatHangsIsKilled() throws {
        let fakes = try FakePlugins(timeLimit: .seconds(1))
        try fakes.add("slow", "sleep 1000")
        let attachment = try fakes.attachment(fakes.network("slow"))
        let error = #expect(throws: SwiftletError.self) { try fakes.chain.add(attachment, namespace: "/run/ns") }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("plugin slow") == true)
    }

    @Test func checkUnlessItIsDisabled() throws {
        let fakes = try FakePlugins()
        for name in ["one", "two"] { try fakes.add(name) }
        var attachment = try fakes.attachment(fakes.network("one", "two"))
        attachment.result = try fakes.chain.add(attachment, namespace: "/run/ns")
        try fakes.chain.check(attachment, namespace: "/run/ns")
        #expect(fakes.log.suffix(2) == ["CHECK one", "CHECK two"])
        #expect(try fakes.input("one", "CHECK")["prevResult"] == attachment.result?.value)
        attachment.network.disableCheck = true
        try fakes.chain.check(attachment, namespace: "/run/ns")
        #expect(fakes.log.count == 4)
    }

    @Test func garbageAndStatusFrom110() throws {
        let fakes = try FakePlugins()
        try fakes.add("one", #"[ $CNI_COMMAND = GC ] || { echo '{"code":50,"msg":"busy"}'; exit 1; }"#)
        try fakes.add("two")
        let old = try fakes.network("one", "two")
        try fakes.chain.collect(old, living: ["b", "a"])
        try fakes.chain.status(old)
        #expect(fakes.log.isEmpty)
        let new = try fakes.network("one", "two", version: "1.1.0")
        try fakes.chain.collect(new, living: ["b", "a"])
        #expect(fakes.log == ["GC one", "GC two"])
        #expect(
            try fakes.input("two", "GC")["cni.dev/valid-attachments"] == [
                ["containerID": "a", "ifname": "eth0"], ["containerID": "b", "ifname": "eth0"],
            ])
        #expect(try fakes.environment("two", "GC")["CNI_CONTAINERID"] == nil)
        let error = #expect(throws: SwiftletError.self) { try fakes.chain.status(new) }
        #expect(error?.message == "CNI STATUS by plugin one of network nest: busy (code 50)")
        try fakes.chain.collect(try fakes.network("one", version: "1.1.0", more: #","disableGC":true"#), living: [])
        #expect(fakes.log == ["GC one", "GC two", "STATUS one"])
    }
}

@Suite struct ConfigurationFolders {
    @Test func theFirstByNameInTheNewestCommonVersion() throws {
        let fakes = try FakePlugins()
        try fakes.add("one")
        try fakes.add("two", speaks: ["0.4.0", "1.0.0"])
        let scratch = try Scratch()
        let folder = ConfigurationFolder(path: scratch.path + "/net.d", chain: fakes.chain)
        let none = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(none?.description.contains("\(scratch.path)/net.d") == true)
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        #expect(throws: SwiftletError.self) { try folder.current() }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(folder.path)/\(name)"))
        }
        try write("20.conf", #"{"cniVersion":"0.4.0","name":"later","type":"one"}"#)
        try write("05.txt", "no configuration")
        #expect(try folder.current().name == "later")
        try write(
            "10.conflist",
            #"{"cniVersion":"0.4.0","cniVersions":["0.4.0","1.0.0","1.1.0"],"name":"nest","plugins":[{"type":"one"},{"type":"two"}]}"#
        )
        #expect(try folder.current().name == "nest")
        #expect(try folder.current().version == .v100)
        // Asked once of each program.
        #expect(fakes.log == ["VERSION one", "VERSION one", "VERSION two"])
        try fakes.add("two", speaks: ["0.3.1"])
        let deaf = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(deaf?.description.contains("10.conflist") == true && deaf?.description.contains("plugin two") == true)
        try write("10.conflist", #"{"cniVersion":"1.0.0","name":"nest","plugins":[{"type":"three"}]}"#)
        let missing = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(missing?.description.contains("plugin three") == true)
        try write("10.conflist", #"{"cniVersion":"1.0.0","name":"nest","plugins":[{"type":"/bin/sh"}]}"#)
        let broken = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(broken?.description.contains("10.conflist") == true)
        #expect(broken?.description.contains("plugins[0].type") == true)
    }

    @Test func whatIsNoSmallFileIsRefused() throws {
        let fakes = try FakePlugins()
        let scratch = try Scratch()
        let folder = ConfigurationFolder(path: scratch.path, chain: fakes.chain)
        try Data(repeating: 0x20, count: NetworkList.sizeLimit + 1).write(to: URL(filePath: scratch.path + "/2.conf"))
        let large = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(large?.code == .resourceExhausted)
        #expect(mkfifo(scratch.path + "/1.conf", 0o600) == 0)
        let fifo = #expect(throws: SwiftletError.self) { try folder.current() }
        #expect(fifo?.description.contains("regular file") == true)
    }
}
