import TestSupport
import Testing

@testable import Provision

extension MendTests {
    @Test(
        "of received_files, also where the authority's key is not",
        arguments: [
            Damage("rmdir received_files", "received_files", "provision init"),
            Damage(
                "rmdir received_files; echo x > received_files", "received_files",
                "mv received_files received_files.old && provision init"),
            Damage(
                "rmdir received_files; ln -s nowhere received_files", "received_files",
                "rm received_files && provision init",
                named: "# mount it. To begin with an empty one: rm received_files && provision init"),
            Damage(
                "rmdir received_files; ln -s received_files received_files", "received_files",
                "rm received_files && provision init",
                named: "# mount it. To begin with an empty one: rm received_files && provision init"),
            Damage("chmod 777 received_files", "received_files", "chmod o-w received_files"),
            Damage("chmod 777 .", ".", "chmod o-w ."),
            Damage("cp ids.txt ids.txt~; chmod 644 ids.txt~", "ids.txt~", "chmod go= 'ids.txt~'"),
            Damage("mkdir .git; rm .gitignore", ".gitignore", "provision init"),
        ])
    func store(damage: Damage) async throws {
        #expect(try await lab.shell("mv certs/ca.key ../ca.key; \(damage.command)").exitCode == 0)
        let findings = try await lab.check()
        #expect(findings.map(\.path) == [damage.path] && findings[0].mend == damage.named ?? damage.mend)
        #expect(try await lab.shell(damage.mend).exitCode == 0)
        #expect(try await lab.check().isEmpty)
    }

    @Test(
        "of an interrupted run, without a word of what is half done",
        arguments: [
            "mkdir -m 700 pis/.staging && mv pis/north pis/.staging/",
            "mkdir -m 700 pis/.staging && mv pis/north pis/north.tar.gz pis/.staging/",
            "cp -a pis x; provision renew north; mkdir -m 700 pis/.replacement; mv pis/north pis/.replacement/; mv x/north pis/; rm -r x",
            "mkdir pis/.replacing", "touch .ids.txt.new",
        ])
    func interrupted(command: String) async throws {
        #expect(try await lab.shell(command).exitCode == 0)
        let findings = try await lab.check()
        #expect(findings.count == 1 && findings.map(\.mend) == ["provision init"])
        #expect(try await lab.shell("provision init").exitCode == 0)
        #expect(try await lab.check().isEmpty)
    }

    @Test("of a first run that was killed, whatever it had made", arguments: 1...5)
    func firstRun(pieces: Int) async throws {
        let order = ["certs/ca.pem", "certs/receiver", "certs/server.pem", "ids.txt", "received_files", "pis"]
        let missing = order[pieces...].joined(separator: " ")
        #expect(try await lab.shell("rm -r ids.txt pis && provision init && rm -r \(missing)").exitCode == 0)
        let findings = try await lab.check()
        #expect(!findings.isEmpty && findings.allSatisfy { $0.mend == "provision init" })
        #expect(try await lab.shell("provision init").exitCode == 0)
        #expect(try await lab.check().isEmpty)
    }
}
