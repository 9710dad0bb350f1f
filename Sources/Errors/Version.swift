/// The version of all three programs, which are built and installed together.
public let swiftletVersion = "0.1.0"
