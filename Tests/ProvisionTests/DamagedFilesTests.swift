import CommandSupport
import Files
import Glibc
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("Files that are not what they should be")
struct DamagedFilesTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        try lab.newPi("north")
    }

    private static let texts: [[UInt8]] = [
        [], [0, 255, 254, 10, 13, 0], Array("secret=deadbeef\n".utf8), Array("-----BEGIN CERTIFICATE-----\n".utf8),
    ]

    @Test("are named, and nothing is changed, before a secret is rotated", arguments: texts)
    func identity(text: [UInt8]) throws {
        for file in ["pis/north/secret.py", "pis/north/pi.pem"] {
            let whole = try lab.folder.read(file)
            try lab.folder.write(text, to: file)
            let failure = try lab.refusal { try lab.rotate("north") }
            #expect(failure.message == "\(lab.folder(file)) cannot be used")
            #expect(failure.exitCode == .dataError && !failure.description.contains("deadbeef"))
            try lab.folder.write(whole, to: file)
        }
    }

    @Test(
        "are named when they are too large, or folders",
        arguments: ["pis/north/secret.py", "pis/north/pi.pem", "ids.txt"])
    func kinds(file: String) throws {
        try removeTree(lab.folder(file))
        try makeFolder(lab.folder(file), mode: 0o700)
        #expect(try lab.refusal { try lab.rotate("north") }.message.contains(lab.folder(file)))
        try removeTree(lab.folder(file))
        try lab.folder.write([], to: file)
        #expect(truncate(lab.folder(file), 1 << 30) == 0)
        let failure = try failure(CommandFailure.self) { try lab.rotate("north") }
        #expect(failure.message == "cannot read \(lab.folder(file)): File too large")
    }

    @Test("are named with the line, for every command that changes ids.txt")
    func identifiers() throws {
        try lab.folder.write(lab.folder.read("ids.txt") + Array("\ndeadbeef south\n".utf8), to: "ids.txt")
        for body in [lab.revoke, lab.restore, { try lab.rotate($0) }, lab.finishRotation, { try lab.newPi($0) }] {
            let failure = try lab.refusal { try body("north") }
            #expect(failure.message == "\(lab.folder("ids.txt")) has an error")
            #expect(failure.reason?.hasPrefix("line 5 ") == true)
            #expect(failure.exitCode == .dataError && !failure.description.contains("deadbeef"))
        }
    }

    @Test("but secrets in upper case, with Windows line ends and double quotes are read")
    func lenient() throws {
        let digits = try #require(try lab.text("pis/north/secret.py").split(separator: "'").dropFirst().first)
        try lab.folder.write("# mine\r\nsecret = \"\(digits.uppercased())\"\r\n".utf8, to: "pis/north/secret.py")
        try lab.rotate("north")
        try lab.finishRotation("north")
        try lab.expectWhole()
    }
}
