import Errors
import Testing

@testable import Runtime

struct ContainerUserTests {
    static let database = UserDatabase(
        passwd: """
            root:x:0:0:root:/root:/bin/sh
            broken line
            app:x:1000:1001:App:/home/app:/bin/sh
            web:x:33:33::/var/www:
            huge:x:99999999999:1:::
            """,
        group: """
            root:x:0:
            app:x:1001:
            audio:x:29:app,web
            docker:x:998:app
            """)

    struct Case: Sendable {
        var request = UserRequest()
        var image = ""
        var user: UInt32
        var group: UInt32
        var groups: [UInt32] = []
        var home = "/"
    }

    @Test(arguments: [
        Case(user: 0, group: 0, home: "/root"),
        Case(image: "app", user: 1000, group: 1001, groups: [29, 998], home: "/home/app"),
        Case(image: "1000", user: 1000, group: 1001, groups: [29, 998], home: "/home/app"),
        Case(image: "4242", user: 4242, group: 0),
        Case(image: "app:audio", user: 1000, group: 29, groups: [998], home: "/home/app"),
        Case(image: "web:7", user: 33, group: 7, groups: [29], home: "/var/www"),
        Case(image: ":audio", user: 0, group: 29, home: "/root"),
        Case(request: UserRequest(user: 33), image: "app", user: 33, group: 33, groups: [29], home: "/var/www"),
        Case(
            request: UserRequest(user: 5, userName: "app"), image: "", user: 1000, group: 1001, groups: [29, 998],
            home: "/home/app"),
        Case(request: UserRequest(user: 1000, group: 5), user: 1000, group: 5, groups: [29, 998], home: "/home/app"),
        Case(
            request: UserRequest(user: 1000, supplementaryGroups: [29, 7, 7]), user: 1000, group: 1001,
            groups: [29, 998, 7], home: "/home/app"),
        Case(
            request: UserRequest(user: 1000, supplementaryGroups: [7, 1001], strictGroups: true), user: 1000,
            group: 1001, groups: [7], home: "/home/app"),
    ])
    func resolves(_ example: Case) throws {
        let user = try ContainerUser.resolve(example.request, imageUser: example.image, database: Self.database)
        #expect(user.user == example.user)
        #expect(user.group == example.group)
        #expect(user.supplementaryGroups == example.groups)
        #expect(user.home == example.home)
    }

    @Test(arguments: [
        (UserRequest(group: 5), "", SwiftletError.Code.invalidArgument),
        (UserRequest(group: 5), "app", .invalidArgument),
        (UserRequest(userName: "nobody-here"), "", .notFound),
        (UserRequest(), "ghost", .notFound),
        (UserRequest(), "app:ghosts", .notFound),
        (UserRequest(user: -1), "", .invalidArgument),
        (UserRequest(user: 1 << 40), "", .invalidArgument),
        (UserRequest(user: 4_294_967_295), "", .invalidArgument),
        (UserRequest(supplementaryGroups: [-5]), "", .invalidArgument),
        (UserRequest(), "huge", .notFound),
    ])
    func refuses(_ request: UserRequest, _ image: String, _ code: SwiftletError.Code) {
        let error = #expect(throws: SwiftletError.self) {
            try ContainerUser.resolve(request, imageUser: image, database: Self.database)
        }
        #expect(error?.code == code)
    }
}
