import Errors
import Testing

@testable import Runtime

struct CommandLineTests {
    struct Case: Sendable {
        var command: [String] = []
        var args: [String] = []
        var entrypoint: [String] = []
        var cmd: [String] = []
        var joined: [String]
    }

    @Test(arguments: [
        Case(entrypoint: ["/e"], cmd: ["c"], joined: ["/e", "c"]),
        Case(cmd: ["c", "d"], joined: ["c", "d"]),
        Case(args: ["a"], entrypoint: ["/e"], cmd: ["c"], joined: ["/e", "a"]),
        Case(args: ["a"], cmd: ["c"], joined: ["a"]),
        Case(command: ["x"], entrypoint: ["/e"], cmd: ["c"], joined: ["x"]),
        Case(command: ["x"], args: ["a", ""], entrypoint: ["/e"], cmd: ["c"], joined: ["x", "a", ""]),
    ])
    func joinsAsCRISays(_ example: Case) throws {
        let joined = try CommandLine.join(
            command: example.command, args: example.args, entrypoint: example.entrypoint, imageArguments: example.cmd)
        #expect(joined == example.joined)
    }

    @Test(arguments: [[], [""], ["a\0b"]])
    func refusesWhatCannotRun(_ command: [String]) {
        let error = #expect(throws: SwiftletError.self) {
            try CommandLine.join(command: command, args: [], entrypoint: [], imageArguments: [])
        }
        #expect(error?.code == .invalidArgument)
    }
}

struct EnvironmentTests {
    @Test func laterValuesWinAndPlacesStay() throws {
        let environment = try EnvironmentVariables.join(
            hostname: "h", image: ["A=1", "PATH=/bin", "B=2", "=odd", "C", "D=x=y"],
            container: [("B", "3"), ("HOSTNAME", "mine"), ("E", "")], terminal: true, home: "/root")
        #expect(
            environment.strings == [
                "HOSTNAME=mine", "A=1", "PATH=/bin", "B=3", "D=x=y", "E=", "TERM=xterm", "HOME=/root",
            ])
    }

    @Test func fillsInWhatIsMissing() throws {
        let environment = try EnvironmentVariables.join(
            hostname: "", image: [], container: [], terminal: false, home: "/")
        #expect(environment.strings == ["PATH=\(EnvironmentVariables.defaultPath)", "HOME=/"])
    }

    @Test(arguments: [("", "v"), ("a=b", "v"), ("a\0", "v"), ("a", "v\0")])
    func refusesNamesAndValuesThatExecWouldMangle(_ name: String, _ value: String) {
        #expect(throws: SwiftletError.self) {
            try EnvironmentVariables.join(
                hostname: "", image: [], container: [(name, value)], terminal: false, home: "/")
        }
    }
}
