import TestSupport
import Testing

@testable import Provision

@Suite(".gitignore")
struct GitIgnoreTests {
    @Test("as it is made lacks nothing")
    func complete() {
        #expect(GitIgnore.missing(in: GitIgnore.contents) == [])
    }

    @Test(
        "may say the same in other words",
        arguments: [
            "*", "/ids.txt\n/pis/\n/received_files/\n/sent_files/\n*.key\n*.pem",
            "ids.txt\npis\nreceived_files\nsent_files\ncerts/",
            " pis/ \r\nids.txt\r\n/received_files\r\n/sent_files/\r\ncerts/*.pem\r\ncerts/*.key\r\n",
        ])
    func equivalent(text: String) {
        #expect(GitIgnore.missing(in: text) == [])
    }

    @Test("that lacks lines, or takes one back, is told so")
    func lacks() {
        #expect(GitIgnore.missing(in: "") == GitIgnore.needed)
        #expect(
            GitIgnore.missing(in: "# pis/\n/ids.txt\n*.pem") == ["/pis/", "/received_files/", "/sent_files/", "*.key"])
        #expect(GitIgnore.missing(in: "*\n!ids.txt") == ["/ids.txt"])
    }

    @Test("of others is left as it is; what it lacks is said")
    func kept() throws {
        let lab = try TestDeployment()
        try lab.folder.write("build/\n*.pem\n".utf8, to: ".gitignore")
        try lab.newPi()
        #expect(try lab.text(".gitignore") == "build/\n*.pem\n")
        #expect(lab.said.contains { $0.contains("/ids.txt  /pis/  /received_files/  /sent_files/  *.key") })
    }
}
