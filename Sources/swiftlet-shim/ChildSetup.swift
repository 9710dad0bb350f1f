import Errors
import Glibc
import LinuxSystem

// Steps that containers and execs share, in the new process.

/// Streams as 0, 1 and 2, the report socket as 3, and nothing else open. Those not given are /dev/null.
func arrangeDescriptors(_ streams: ChildStreams, reports: Int32, also extra: Int32? = nil) throws(SwiftletError) {
    let null = try openFile("/dev/null", O_RDWR)
    // Every source is above 3, which the listening socket holds in the shim, so that none is overwritten.
    for (number, stream) in [(Int32(0), streams.input), (1, streams.output), (2, streams.error)] {
        try placeDescriptor(stream?.raw ?? null.raw, at: number, inherited: true)
    }
    try placeDescriptor(reports, at: LaunchReporter.number, inherited: false)
    if let extra { try placeDescriptor(extra, at: extraDescriptor, inherited: false) }
    try closeDescriptors(from: extra == nil ? 4 : 5)
}

/// Where `arrangeDescriptors` puts its extra one.
let extraDescriptor: Int32 = 4

/// A session of its own, signals as a new process expects them, no keyring of ours.
func startAfresh() throws(SwiftletError) {
    try check(setsid(), "setsid")
    for number in ignoredSignals { try setSignal(number, ignored: false) }
    try unblockSignals()
    try ProcessAttributes.joinNewKeyring()
}

/// A terminal of the /dev/pts below `root`, as 0, 1 and 2 and controlling; its master goes to the shim.
func openTerminal(in root: borrowing RootDirectory, _ reporter: LaunchReporter) throws(SwiftletError)
    -> OwnedDescriptor
{
    let devpts = try root.open("/dev/pts", openPathOnly | O_DIRECTORY)
    let ends = try Terminal.open(devpts: devpts.raw)
    try Terminal.control(ends.slave.raw)
    try reporter.send(.terminal, descriptor: ends.master.raw)
    for number in Int32(0)...2 { try placeDescriptor(ends.slave.raw, at: number, inherited: true) }
    return try duplicateDescriptor(ends.slave.raw)
}
