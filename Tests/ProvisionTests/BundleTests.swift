import CertificateAuthority
import CommandSupport
import Files
import Foundation
import OpenSSL
import TestSupport
import Testing
import UploadProtocol

@testable import Provision

@Suite("provision bundle")
struct BundleTests {
    let lab: TestDeployment

    init() throws {
        lab = try TestDeployment()
        try lab.newPi("north")
        try lab.folder.write([], to: "log/home/.profile")
    }

    /// Runs `provision bundle north --install …` with a stand-in for ssh that does `stub`.
    private func install(_ home: String, stub: String) async throws -> Program.Outcome {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let stubs = tests.appendingPathComponent("Interop/stubs").path
        return try await Program.run(
            "provision", ["bundle", "north", "--install", home], in: lab.folder.path,
            environment: ["PATH": "\(stubs):/usr/bin:/bin", "STUB_SSH": stub, "STUB_LOG": lab.folder("log")])
    }

    @Test("writes the folder and the tar again, whichever of the two is left")
    func again() throws {
        let whole = try lab.contents()
        for lost in [[], ["pis/north"], ["pis/north.tar.gz"], ["pis/north/ca.pem"]] {
            for name in lost { try removeTree(lab.folder(name)) }
            try lab.bundle("north")
            try lab.expectWhole()
            for name in PiIdentity.files.map({ "pis/north/\($0)" }) {
                #expect(try lab.folder.read(name) == whole[name], "\(name)")
                #expect(try lab.mode(name) == 0o600, "\(name)")
            }
            #expect(try lab.mode("pis/north") == 0o700 && lab.mode("pis/north.tar.gz") == 0o600)
        }
    }

    @Test("says that the receiver refuses a certificate of a root that was dropped")
    func otherRoot() throws {
        try lab.bundle("north")
        #expect(!lab.said.contains { $0.hasPrefix("The receiver refuses its certificate") })
        let old = try lab.folder.read("pis/north/pi.pem")
        try lab.renew(.authority)
        try lab.renew(.authorityFinish(isCopied: true))
        try lab.folder.write(old, to: "pis/north/pi.pem")
        try lab.bundle("north")
        #expect(
            lab.said.contains {
                $0.hasPrefix("The receiver refuses its certificate: ")
                    && $0.hasSuffix(" Make a new one: provision renew north")
            })
        try lab.renew(.pis([PiName("north")!]))
        try connect(receiver: Side(receiverOf: lab), pi: Side("north", of: lab))
    }

    @Test("brings the roots up to date")
    func roots() async throws {
        let roots = Array(try TestLab().authority.certificate.pem.utf8) + (try lab.folder.read("certs/ca.pem"))
        try lab.folder.write(roots, to: "certs/ca.pem")
        try lab.bundle("north")
        #expect(try lab.folder.read("pis/north/ca.pem") == roots)
        #expect(try await lab.unpacked("north")["north/ca.pem"] == roots)
    }

    @Test("says what is missing where nothing was kept, and that a Pi is shut out")
    func missing() throws {
        #expect(try lab.refusal { try lab.bundle("nort") }.hint?.contains("did you mean north?") == true)
        try lab.removeLine(of: "north")
        try lab.bundle("north")
        #expect(lab.said.contains { $0.hasPrefix("The receiver refuses north: ") })
        try lab.newPi("south")
        for name in ["pis/south", "pis/south.tar.gz"] { try removeTree(lab.folder(name)) }
        let failure = try lab.refusal { try lab.bundle("south") }
        #expect(failure.message == "nothing of south is kept here")
        #expect(failure.hint?.hasSuffix("provision renew south --new-key") == true)
    }

    @Test("refuses a damaged tar, and one that something else has packed")
    func hostileTar() async throws {
        try lab.folder.write(lab.folder.read("pis/north.tar.gz").prefix(100), to: "pis/north.tar.gz")
        try removeTree(lab.folder("pis/north"))
        #expect(try lab.refusal { try lab.bundle("north") }.exitCode == .dataError)
        try lab.folder.write([], to: "elsewhere/north/secret.py")
        try lab.folder.write([], to: "elsewhere/evil")
        let tar = try await Program.run(
            "/usr/bin/env", ["tar", "czPf", lab.folder("pis/north.tar.gz"), "../elsewhere/evil", "north"],
            in: lab.folder("elsewhere"))
        #expect(tar.exitCode == 0)
        #expect(try lab.refusal { try lab.bundle("north") }.exitCode == .dataError)
    }

    @Test("gives ssh the tar through its input, and no secret as an argument")
    func arguments() async throws {
        let outcome = try await install("pi@north.local", stub: "0")
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(try lab.folder.read("log/input") == lab.folder.read("pis/north.tar.gz"))
        let arguments = try lab.text("log/arguments")
        #expect(arguments.hasPrefix("-T\n--\npi@north.local\nsh -c '"))
        let secret = try #require(lab.text("ids.txt").split(separator: "\n").last?.prefix(16))
        #expect(!arguments.contains(secret) && !arguments.contains("PRIVATE KEY"))
        #expect(!(outcome.output + outcome.errors).contains(secret))
    }

    @Test(
        "unpacks on the Pi with the right modes, in its home or another folder, over what was there and in one move each",
        arguments: [
            ("pi@north.local", "north"), ("north:", "north"), ("pi@[fd00::31]:a b/it's $HOME", "a b/it's $HOME/north"),
            ("pi@north:~/stations", "stations/north"), ("pi@north:-x", "-x/north"),
        ])
    func unpacks(home: String, folder: String) async throws {
        for round in 1...2 {
            let outcome = try await install(home, stub: "run")
            #expect(outcome.exitCode == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("Installed in \(lab.folder("log/home/\(folder)"))"))
            for name in PiIdentity.files {
                let path = "log/home/\(folder)/\(name)"
                #expect(try lab.folder.read(path) == lab.folder.read("pis/north/\(name)"), "\(name)")
                #expect(try lab.mode(path) == 0o600, "\(name)")
            }
            #expect(try lab.mode("log/home/\(folder)") == 0o700)
            if round == 1 {
                try lab.folder.write([1], to: "log/home/\(folder)/notes.txt")
                try lab.renew(.pis([PiName("north")!]), newKey: true)
            }
        }
        #expect(try lab.folder.read("log/home/\(folder)/notes.txt") == [1])
        #expect(!lab.folder.files(below: "log/home").contains { $0.contains(".provision.") || $0.hasSuffix(".gz") })
    }

    @Test("remembers that the Pi has it, until it is renewed")
    func remembers() async throws {
        func isInstalled() throws -> Bool {
            let kept = try #require(try lab.deployment.keptIdentity(of: PiName("north")!))
            return try Installation(of: kept) == Installation(recordedFor: PiName("north")!, in: lab.deployment)
        }
        #expect(try !isInstalled())
        _ = try await install("pi@north.local", stub: "255")
        #expect(try !isInstalled())
        _ = try await install("pi@north.local", stub: "0")
        #expect(try isInstalled())
        try lab.renew(.pis([PiName("north")!]))
        #expect(try !isInstalled())
    }

    @Test("says whether ssh is missing, cannot reach the Pi, or fails there")
    func failures() async throws {
        let missing = try await Program.run(
            "provision", ["bundle", "north", "--install", "pi@north.local"], in: lab.folder.path,
            environment: ["PATH": try pathWithoutSSH()])
        #expect(missing.exitCode == 78)
        #expect(missing.errors.hasPrefix("ssh could not be started: No such file or directory\n  hint: install it"))
        let unreachable = try await install("pi@north.local", stub: "255")
        #expect(unreachable.exitCode == 69)
        #expect(unreachable.errors.hasPrefix("pi@north.local could not be reached with ssh"))
        let failed = try await install("pi@north.local", stub: "1")
        #expect(failed.exitCode == 74)
        #expect(failed.errors.hasPrefix("north could not be unpacked on pi@north.local"))
        try lab.folder.write([], to: "log/home/file")
        #expect(try await install("pi@north.local:file", stub: "run").exitCode == 74)
    }

    /// A folder with nothing but what packing needs.
    private func pathWithoutSSH() throws -> String {
        try lab.folder.write([], to: "bin/empty")
        for name in ["tar", "gzip", "sh"] {
            for folder in ["/usr/bin", "/bin"] where access("\(folder)/\(name)", X_OK) == 0 {
                symlink("\(folder)/\(name)", lab.folder("bin/\(name)"))
            }
        }
        return lab.folder("bin")
    }

    @Test(
        "takes a place as scp writes it",
        arguments: [
            ("pi@host", "pi@host", nil), ("host", "host", nil), ("host:", "host", nil),
            ("pi@10.0.0.5:x/y", "pi@10.0.0.5", "x/y"),
            ("pi@[fd00::1]:/srv", "pi@fd00::1", "/srv"), ("[::1]", "::1", nil),
            ("pi@fe80::1", "pi@fe80::1", nil), ("fe80::1%eth0", "fe80::1%eth0", nil), ("h:a:b@c", "h", "a:b@c"),
            ("h:~", "h", nil),
            ("h:~/x", "h", "x"),
        ] as [(String, String, String?)])
    func places(text: String, destination: String, folder: String?) {
        let home = RemoteHome(text)
        #expect(home?.destination == destination)
        #expect(home?.folder == folder)
    }

    @Test(
        "refuses a place that ssh or a shell could take for something else",
        arguments: [
            "", ":", ":x", "@host", "pi@", "-oProxyCommand=x", "pi@-x", "a b", "h\nx", "h:x\ny", "[::1", "[]", "[::1]x",
            "$(id)@h", "a;b", "h`id`", "ssh://h", "märz", "pi@fe80::1:x", "2001:db8:1", "::1:stations",
        ])
    func refuses(text: String) {
        #expect(RemoteHome(text) == nil)
    }
}
