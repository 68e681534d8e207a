import TestSupport
import Testing

@testable import Provision

extension MendTests {
    @Test(
        "of ids.txt",
        arguments: [
            Damage("sed -i 's/ north$//' ids.txt", "ids.txt", "sed -i '3s/$/ north/' ids.txt"),
            Damage("sed -i 's/ north$//; s/$/\\r/' ids.txt", "ids.txt", "sed -i '3s/\\r*$/ north&/' ids.txt"),
            Damage(
                "sed -n 's/ north$/ south/p' ids.txt >> ids.txt", "ids.txt", "provision rotate south --finish",
                named: "rotate south --finish"),
            Damage("sed -n 's/ north$/ west/p' ids.txt >> ids.txt", "ids.txt", "sed -i '5s/^/# /' ids.txt"),
            Damage("sed -n 's/ north$//p' ids.txt >> ids.txt", "ids.txt", "sed -i '5s/^/# /' ids.txt"),
            Damage("sed -n 's/ north$/ north/p' ids.txt >> ids.txt", "ids.txt", "sed -i '5s/^/# /' ids.txt"),
            Damage("sed -i 's/ north$/ west/' ids.txt", "ids.txt", "sed -i '3s/\\bwest\\b/north/' ids.txt"),
            Damage(
                "sed -i 's/ north$/ south/; t; s/.* south$//' ids.txt", "ids.txt",
                "sed -i '3s/\\bsouth\\b/north/' ids.txt"),
            Damage(
                "secret=$(sed -n 's/ north$//p' ids.txt); sed -i \"s/.* south/$secret south/\" ids.txt", "ids.txt",
                "sed -i '4s/^/# /' ids.txt && provision restore south"),
            Damage(
                "secret=$(sed -n 's/ north$//p' ids.txt); sed -i \"s/.* south/$secret south/\" ids.txt; cat pis/north/secret.py > pis/south/secret.py",
                "ids.txt", "provision rotate south && provision rotate south --finish", named: "provision rotate south"),
            Damage(
                "sed -i '/ north$/d' ids.txt", "pis/north", "provision restore north",
                named: "if not: provision restore north"),
            Damage(
                "sed -i '/ south$/d' ids.txt", "pis/south", "provision revoke south", named: "provision revoke south # "
            ),
            Damage(
                "sed -i '/ south$/d' ids.txt; : > pis/south/pi.pem", "pis/south",
                "tar xzf pis/south.tar.gz -C pis && provision restore south",
                named: "tar xzf pis/south.tar.gz -C pis # then, unless it was stolen: provision restore south"),
            Damage(
                "sed -i '/ south$/d' ids.txt; rm -r pis/south", "pis/south.tar.gz",
                "tar xzf pis/south.tar.gz -C pis && provision restore south",
                named: "tar xzf pis/south.tar.gz -C pis # then, unless it was stolen: provision restore south"),
            Damage(
                "sed -i '/ south$/d' ids.txt; : > pis/south/pi.pem; : > pis/south.tar.gz", "pis/south",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/south pis/south.tar.gz"),
            Damage(
                "sed -n 's/ south$//p' ids.txt > x; provision revoke south; cat x >> ids.txt; rm x", "ids.txt",
                "sed -i '5s/^/# /' ids.txt"),
            Damage("echo 00000000000000aa >> ids.txt", "ids.txt", "provision import ids.txt"),
            Damage(
                "echo '00000000000000aa Pi!' >> ids.txt", "ids.txt", "sed -i 5d ids.txt",
                named: "${EDITOR:-nano} +5 ids.txt"),
            Damage(
                "provision rotate north", "ids.txt", "provision rotate north --finish",
                named: "provision rotate north --finish"),
            Damage(
                "mv ids.txt other; ln -s other ids.txt", "ids.txt",
                "cp --remove-destination \"$(readlink -f ids.txt)\" ids.txt"),
            Damage(
                "mv ids.txt ../ids.txt; ln -s nowhere ids.txt", "ids.txt", "rm ids.txt && mv ../ids.txt .",
                named: "rm ids.txt # then put the file back"),
            Damage(
                "rm ids.txt", "ids.txt",
                "install -m 600 /dev/null ids.txt; provision restore north; provision restore south",
                named:
                    "install -m 600 /dev/null ids.txt, and then provision restore <name> for each Pi that may still send; not"
            ),
            Damage(
                "rm ids.txt; mkdir -m 700 ids.txt", "ids.txt",
                "mv ids.txt ids.txt.old && install -m 600 /dev/null ids.txt; provision restore north; provision restore south",
                named: "mv ids.txt ids.txt.old && install -m 600 /dev/null ids.txt, and then provision restore"),
            Damage(
                "rm ids.txt; ln -s /dev/zero ids.txt", "ids.txt", "rm ids.txt && cp -p ../copy/ids.txt .",
                named: "rm ids.txt # then put the file back"),
            Damage(
                "rm ids.txt; ln -s ids.txt ids.txt", "ids.txt", "rm ids.txt && cp -p ../copy/ids.txt .",
                named: "rm ids.txt # then put the file back"),
            Damage(
                "rm ids.txt; mkfifo ids.txt", "ids.txt", "rm -r ids.txt && mv ../copy/ids.txt .",
                named: "put it back from your copy"),
            Damage("truncate -s 1G ids.txt", "ids.txt", "mv ../copy/ids.txt .", named: "put it back from your copy"),
        ])
    func identifiers(damage: Damage) async throws { try await lab.expectMended(damage) }

    @Test("of several lines of ids.txt, typed one after the other as they stand in one report")
    func allOfOneReport() async throws {
        let doubling =
            "provision new-pi east && provision new-pi west && sed -i '/ north$/p; / east$/p' ids.txt"
        #expect(try await lab.shell("\(doubling) && grep -c '^[^#]' ids.txt").output.hasSuffix("6\n"))
        let findings = try await lab.check()
        #expect(findings.count { $0.mend.hasPrefix("sed ") } == 2)
        for finding in findings { #expect(try await lab.shell(finding.mend).exitCode == 0, "\(finding.mend)") }
        #expect(try await lab.check().isEmpty)
        let left = try await lab.shell("grep -v '^#' ids.txt | cut -d' ' -f2").output
        #expect(left == "north\nsouth\neast\nwest\n", "\(left)")
        #expect(try await lab.shell("grep -c '^# revoked' ids.txt").output == "0\n")
    }

    @Test(
        "of secrets that were exchanged between folders, without a change of ids.txt, with which the Pis send",
        arguments: [
            "mv pis/north/secret.py x; mv pis/south/secret.py pis/north/; mv x pis/south/secret.py",
            "mv pis/north x; mv pis/south pis/north; mv x pis/south",
            "provision new-pi east; provision revoke east; mv pis/north/secret.py x; mv pis/east/secret.py pis/north/; mv x pis/east/secret.py",
        ])
    func exchanged(command: String) async throws {
        #expect(try await shellSucceeds(command))
        let before = try lab.outside.read("lab/ids.txt")
        let findings = try await lab.check()
        #expect(!findings.isEmpty)
        for finding in findings {
            #expect(finding.mend.hasPrefix("tar xzf pis/"))
            #expect(try await shellSucceeds(finding.mend))
        }
        #expect(try await lab.check().isEmpty)
        #expect(try lab.outside.read("lab/ids.txt") == before)
    }
}
