/// The two messages of `grpc.health.v1`, in gRPC's framing (a flag, four bytes of length, the message): too small to generate
/// code for.
/// HealthCheckRequest: the name of the service is field 1.
func healthRequest(_ service: String) -> [UInt8] {
    var message: [UInt8] = []
    if !service.isEmpty { message = [0x0a] + varint(UInt64(service.utf8.count)) + Array(service.utf8) }
    let count = UInt32(message.count)
    return [0] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) } + message
}

/// HealthCheckResponse: field 1 is the status, which is 0 when it is missing. Nil for what is no such message.
func servingStatus(_ frame: [UInt8]) -> UInt64? {
    guard frame.count >= 5, frame[0] == 0 else { return nil }
    let length = frame[1..<5].reduce(0) { $0 << 8 | Int($1) }
    let message = frame.dropFirst(5)
    guard message.count == length else { return nil }
    if message.isEmpty { return 0 }
    guard message.first == 0x08 else { return nil }
    var value: UInt64 = 0
    for (index, byte) in message.dropFirst().enumerated() where index < 9 {
        value |= UInt64(byte & 0x7f) << (7 * UInt64(index))
        if byte & 0x80 == 0 { return value }
    }
    return nil
}

private func varint(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
    }
    return bytes + [UInt8(rest)]
}
