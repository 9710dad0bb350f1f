import Errors
import Foundation
import LinuxSystem
import Testing

@testable import PodNetwork

@Suite struct PluginTurns {
    private func turn(_ scratch: Scratch, patience: Duration = .seconds(60)) throws -> PluginTurn {
        try PluginTurn(directory: scratch.path, sandboxID: "s1", patience: patience)
    }

    /// A program that has a turn's file, as of a daemon that is no more.
    private func orphan(_ turn: borrowing PluginTurn, _ script: String, in scratch: Scratch) throws -> ProcessHandle {
        let path = "\(scratch.path)/program"
        try install("#!/bin/sh\n\(script)\n", at: path)
        let null = try openFile("/dev/null", O_RDWR)
        let process = try ProcessSpawn(
            path: path, arguments: [path], environment: [],
            descriptors: [null.raw, null.raw, null.raw, turn.descriptor.raw]
        ).start()
        try PluginTurn.note(process.pid, in: turn.descriptor.raw)
        return process
    }

    @Test func thoseOfNobodyGo() throws {
        let scratch = try Scratch()
        for id in ["s1", "s2"] {
            try PluginTurn(directory: scratch.path, sandboxID: id, patience: .seconds(60)).pass()
        }
        try PluginTurn.forgetAll(directory: scratch.path, but: ["s2", "s3"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["s2"])
    }

    @Test func oneAfterTheOther() throws {
        let scratch = try Scratch()
        try turn(scratch).pass()
        try turn(scratch).pass()
    }

    @Test func aPluginAtWorkIsWaitedFor() throws {
        let scratch = try Scratch()
        let process: ProcessHandle
        do {
            let first = try turn(scratch)
            process = try orphan(first, "sleep 0.3; touch \(scratch.path)/done", in: scratch)
        }
        let second = try turn(scratch)
        #expect(FileManager.default.fileExists(atPath: scratch.path + "/done"))
        second.pass()
        #expect(try process.wait())
        #expect(try process.reap() == ProcessExit(code: 0, signal: 0))
    }

    @Test func oneThatHangsIsKilledInTheEnd() throws {
        let scratch = try Scratch()
        let process: ProcessHandle
        do {
            let first = try turn(scratch)
            process = try orphan(first, "exec sleep 1000", in: scratch)
        }
        let second = try turn(scratch, patience: .milliseconds(100))
        second.pass()
        #expect(try process.reap() == ProcessExit(code: 137, signal: 9))
    }

    @Test func nobodyElseIsKilled() throws {
        let scratch = try Scratch()
        let process: ProcessHandle
        let bystander: ProcessHandle
        do {
            let first = try turn(scratch)
            process = try orphan(first, "exec sleep 1000", in: scratch)
            let sleep = try openFile("/bin/sleep", O_RDONLY)
            let null = try openFile("/dev/null", O_RDWR)
            bystander = try ProcessSpawn(
                executable: sleep.raw, arguments: ["sleep", "1000"],
                descriptors: [null.raw, null.raw, null.raw, null.raw]
            ).start()
            // The number came round.
            try PluginTurn.note(bystander.pid, in: first.descriptor.raw)
        }
        let second = try turn(scratch, patience: .milliseconds(100))
        second.pass()
        for other in [bystander.pid, process.pid] { #expect(kill(other, 0) == 0) }
        try process.signal(SIGKILL)
        try bystander.signal(SIGKILL)
        #expect(try process.wait())
        #expect(try bystander.wait())
        #expect(try process.reap()?.signal == 9)
        #expect(try bystander.reap()?.signal == 9)
    }

    @Test func whatIsLeftInTheBackgroundDoesNotKeepIt() throws {
        let scratch = try Scratch()
        let first = try turn(scratch)
        let process = try orphan(first, "exec sleep 1000", in: scratch)
        first.pass()
        let second = try turn(scratch)
        second.pass()
        try process.signal(SIGKILL)
        #expect(try process.wait())
        #expect(try process.reap()?.signal == 9)
    }
}
