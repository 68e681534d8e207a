import CLinux
import TestSupport
import Testing

@testable import Provision

@Suite("An access control list")
struct AccessListTests {
    private let access = "system.posix_acl_access"

    /// As setxattr(2) takes it (linux/posix_acl_xattr.h): the owner may write, the group nothing, `user` read.
    private func list(user: UInt8) -> [UInt8] {
        let none: UInt8 = 255
        let entries: [[UInt8]] = [
            [1, 0, 6, 0, none, none, none, none], [2, 0, 4, 0, user, 0, 0, 0], [4, 0, 0, 0, none, none, none, none],
            [16, 0, 4, 0, none, none, none, none], [32, 0, 0, 0, none, none, none, none],
        ]
        return [2, 0, 0, 0] + entries.flatMap { $0 }
    }

    private func list(of path: String) -> [UInt8]? {
        var list = [UInt8](repeating: 0, count: 1024)
        let count = getxattr(path, access, &list, list.count)
        return count < 0 ? nil : Array(list[..<count])
    }

    @Test("of ids.txt and of the receiver's file stays, and a new file's own gives nobody more than the old one had")
    func kept() throws {
        let lab = try TestDeployment()
        for name in ["north", "south"] { try lab.newPi(name) }
        let given = list(user: 7)
        let names = ["ids.txt", "certs/server.pem"]
        for name in names { #expect(setxattr(lab.folder(name), access, given, given.count, 0) == 0) }
        try lab.revoke("north")
        try lab.renew(.receiver)
        for name in names { #expect(list(of: lab.folder(name)) == given, "\(name)") }

        for name in names { #expect(removexattr(lab.folder(name), access) == 0) }
        for folder in [lab.folder.path, lab.folder("certs")] {
            #expect(setxattr(folder, "system.posix_acl_default", given, given.count, 0) == 0)
        }
        try lab.restore("north")
        try lab.renew(.receiver)
        for name in names { #expect(list(of: lab.folder(name)) == nil, "\(name)") }
    }
}
