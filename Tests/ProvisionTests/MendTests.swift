import OpenSSL
import TestSupport
import Testing

@testable import Provision

@Suite("What provision check names mends the damage")
struct MendTests {
    let lab: DamagedDeployment

    init() throws {
        lab = try DamagedDeployment()
    }

    @Test(
        "of a Pi's tar",
        arguments: [
            Damage("cp pis/south.tar.gz pis/north.tar.gz", "pis/north.tar.gz", "provision bundle north"),
            Damage(": > pis/north.tar.gz", "pis/north.tar.gz", "provision bundle north"),
            Damage(
                "head -c 3000 pis/north.tar.gz > x; cat x > pis/north.tar.gz; rm x", "pis/north.tar.gz",
                "provision bundle north"),
            Damage("head -c 5000 /dev/urandom > pis/north.tar.gz", "pis/north.tar.gz", "provision bundle north"),
            Damage("echo >> pis/north.tar.gz", "pis/north.tar.gz", "provision bundle north"),
            Damage("tar czf pis/north.tar.gz -C pis north south", "pis/north.tar.gz", "provision bundle north"),
            Damage(
                "cp pis/north.tar.gz x; provision renew north; mv x pis/north.tar.gz", "pis/north.tar.gz",
                "provision bundle north"),
            Damage("rm pis/north.tar.gz", "pis/north.tar.gz", "provision bundle north"),
            Damage(
                "truncate -s 1G pis/north.tar.gz", "pis/north.tar.gz",
                "rm -r pis/north.tar.gz && provision bundle north"),
            Damage(
                "rm pis/north.tar.gz; mkfifo -m 600 pis/north.tar.gz", "pis/north.tar.gz",
                "rm -r pis/north.tar.gz && provision bundle north"),
            Damage(
                "rm pis/north.tar.gz; mkdir -m 700 -p pis/north.tar.gz/x", "pis/north.tar.gz",
                "rm -r pis/north.tar.gz && provision bundle north"),
            Damage(
                "rm pis/north.tar.gz; ln -s nowhere pis/north.tar.gz", "pis/north.tar.gz",
                "rm -r pis/north.tar.gz && provision bundle north"),
            Damage(
                "cp pis/north.tar.gz pis/west.tar.gz", "pis/west.tar.gz",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/west.tar.gz"),
        ])
    func tar(damage: Damage) async throws { try await lab.expectMended(damage) }

    @Test(
        "of a Pi's folder",
        arguments: [
            Damage("rm -r pis/north", "pis/north", "tar xzf pis/north.tar.gz -C pis"),
            Damage("rm -r pis/north; : > pis/north.tar.gz", "pis/north", "provision renew north --new-key"),
            Damage("rm -r pis/north pis/north.tar.gz", "pis/north", "provision renew north --new-key"),
            Damage(
                "rm -r pis/north pis/north.tar.gz; mkdir -m 700 pis/north.tar.gz", "pis/north",
                "rm -r pis/north.tar.gz && provision renew north --new-key"),
            Damage(
                "rm -r pis/north; echo x > pis/north", "pis/north",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/north && tar xzf pis/north.tar.gz -C pis"
            ),
            Damage(
                "rm -r pis/north; ln -s nowhere pis/north", "pis/north",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/north && tar xzf pis/north.tar.gz -C pis"
            ),
            Damage(": > pis/north/secret.py", "pis/north/secret.py", "tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "rm pis/north/secret.py; : > pis/north.tar.gz", "pis/north/secret.py", "provision renew north --new-key"
            ),
            Damage(
                "rm pis/north/secret.py; mkdir -p pis/north/secret.py/x", "pis/north/secret.py",
                "rm -r pis/north/secret.py && tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "rm pis/north/pi.pem pis/north.tar.gz; mkdir pis/north/pi.pem pis/north.tar.gz", "pis/north/pi.pem",
                "rm -r pis/north/pi.pem && rm -r pis/north.tar.gz && provision renew north --new-key"),
            Damage(
                "rm pis/north/pi.pem; mkfifo pis/north/pi.pem", "pis/north/pi.pem",
                "rm -r pis/north/pi.pem && tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "truncate -s 1G pis/north/pi.pem", "pis/north/pi.pem",
                "rm -r pis/north/pi.pem && tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "openssl x509 -in pis/north/pi.pem -out x; cat x > pis/north/pi.pem; rm x", "pis/north/pi.pem",
                "tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "cp pis/south/pi.pem pis/north/pi.pem", "pis/north/pi.pem", "tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "cp pis/south/pi.pem pis/north/pi.pem; rm pis/north.tar.gz", "pis/north/pi.pem",
                "provision renew north --new-key"),
            Damage(
                "mkdir ../b; cd ../b; provision new-pi north; cd ../lab; cp -r ../b/pis/north pis/",
                "pis/north/secret.py", "tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "rm pis/south.tar.gz; ln -s south.tar.gz pis/south.tar.gz", "pis/south.tar.gz",
                "rm -r pis/south.tar.gz && provision bundle south"),
            Damage(
                "rm pis/south.tar.gz; ln -s /dev/zero pis/south.tar.gz", "pis/south.tar.gz",
                "rm -r pis/south.tar.gz && provision bundle south"),
            Damage(
                "rm pis/south/secret.py; ln -s secret.py pis/south/secret.py", "pis/south/secret.py",
                "rm -r pis/south/secret.py && tar xzf pis/south.tar.gz -C pis"),
            Damage(
                "rm pis/south/pi.pem; ln -s pi.pem pis/south/pi.pem", "pis/south/pi.pem",
                "rm -r pis/south/pi.pem && tar xzf pis/south.tar.gz -C pis"),
            Damage(
                "rm -r pis/south; ln -s south pis/south", "pis/south",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/south && tar xzf pis/south.tar.gz -C pis"
            ),
            Damage(
                "mkdir -m 700 pis/backup; cp -p pis/*.tar.gz pis/backup/", "pis/backup",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/backup",
                named: "mv --backup=numbered -t pis/.old pis/backup"),
            Damage(
                "cp pis/south/secret.py pis/north/secret.py", "pis/north/secret.py", "tar xzf pis/north.tar.gz -C pis"),
            Damage(
                "echo \"secret='00000000000000cc'\" > pis/north/secret.py; tar czf pis/north.tar.gz -C pis north",
                "pis/north/secret.py", "provision rotate north"),
            Damage(
                "echo 00000000000000aa north >> ids.txt; echo \"secret='00000000000000cc'\" > pis/north/secret.py; : > pis/north.tar.gz",
                "pis/north/secret.py",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old pis/north pis/north.tar.gz && provision renew north --new-key"
            ),
            Damage(
                "rm pis/north/ca.pem; mkdir pis/north/ca.pem", "pis/north/ca.pem",
                "rm -r pis/north/ca.pem && provision bundle north"),
            Damage("echo >> pis/north/ca.pem", "pis/north/ca.pem", "provision bundle north"),
            Damage(
                "touch \"pis/it's mine\"", "pis/it's mine",
                "mkdir -p -m 700 pis/.old && mv --backup=numbered -t pis/.old 'pis/it'\\''s mine'"),
            Damage("mv pis elsewhere; echo x > pis", "pis", "mv pis pis.old && provision init"),
            Damage("rm -r pis", "pis", "provision init"),
        ])
    func folder(damage: Damage) async throws { try await lab.expectMended(damage) }

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
        "of certs/ while the authority changes",
        arguments: [
            ("cp ../old.pem certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem"),
            (
                "mv certs/ca.key x; mv certs/ca.next.key certs/ca.key; mv x certs/ca.next.key",
                "mv -n certs/ca.key certs/ca.key.old && mv -n certs/ca.next.key certs/ca.key && mv -n certs/ca.key.old certs/ca.next.key"
            ),
            (
                ": > certs/ca.next.key",
                "mv certs/ca.next.key certs/ca.next.key.old && mv certs/ca.next.pem certs/ca.next.pem.old && provision renew --ca"
            ),
        ])
    func change(command: String, mend: String) async throws {
        #expect(try await shellSucceeds("cp certs/ca.pem ../old.pem; provision renew --ca"))
        #expect(try await lab.check().count == 1)
        #expect(try await shellSucceeds(command))
        let findings = try await lab.check()
        #expect(findings.contains { $0.mend.hasSuffix(mend) }, "\(findings.map(\.mend))")
        #expect(try await shellSucceeds(mend))
        // Beside what tells of a root that was given up.
        #expect(try await lab.check().map(\.mend).filter { !$0.hasPrefix("sed ") } == ["provision renew --ca"])
        #expect(try await shellSucceeds("provision renew --ca --finish --copied"))
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

    private func shellSucceeds(_ command: String) async throws -> Bool { try await lab.shell(command).exitCode == 0 }

    @Test(
        "of certs/",
        arguments: [
            Damage("rm certs/ca.pem", "certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                ": > pis/north/ca.pem; : > certs/ca.pem", "certs/ca.pem", "install -m 644 pis/south/ca.pem certs/ca.pem"
            ),
            Damage(
                "rm certs/ca.pem; mkdir certs/ca.pem", "certs/ca.pem",
                "rm -r certs/ca.pem && install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "rm certs/ca.pem; mkfifo certs/ca.pem", "certs/ca.pem",
                "rm -r certs/ca.pem && install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "rm certs/ca.pem; ln -s nowhere certs/ca.pem", "certs/ca.pem",
                "rm -r certs/ca.pem && install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "truncate -s 1G certs/ca.pem", "certs/ca.pem",
                "rm -r certs/ca.pem && install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "rm -r pis/north pis/south; : > certs/ca.pem", "certs/ca.pem",
                "rm certs/ca.pem pis/*; cp -a ../copy/. .", named: "put it back from your copy of certs/"),
            Damage(
                "mkdir ../b; cd ../b; provision init; cd ../lab; cp ../b/certs/ca.pem certs/ca.pem", "certs/ca.pem",
                "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "mkdir ../b; cd ../b; provision init; cd ../lab; cp ../b/certs/ca.pem ../b/certs/ca.key certs/",
                "certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem; cp -p ../copy/certs/ca.key certs/",
                named: "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "cat certs/server.pem > certs/ca.pem", "certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "cat pis/south/pi.pem > certs/ca.pem", "certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "mv certs/ca.key ..; mkdir ../b; cd ../b; provision init; cd ../lab; cp ../b/certs/ca.pem certs/",
                "certs/ca.pem", "install -m 644 pis/north/ca.pem certs/ca.pem; mv ../ca.key certs/",
                named: "install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage(
                "rm -r certs", "certs/ca.pem",
                "mkdir -m 700 certs && install -m 644 pis/north/ca.pem certs/ca.pem; cp -a ../copy/certs/. certs",
                named: "mkdir -m 700 certs && install -m 644 pis/north/ca.pem certs/ca.pem"),
            Damage("chmod 666 certs/ca.pem", "certs/ca.pem", "chmod go-w certs/ca.pem"),
            Damage(
                ": > certs/ca.key", "certs/ca.key", "cp -p ../copy/certs/ca.key certs/",
                named: "put it back from your copy of certs/"),
            Damage(
                "rm certs/ca.key; mkfifo -m 600 certs/ca.key", "certs/ca.key",
                "mv certs/ca.key certs/ca.key.old && cp -p ../copy/certs/ca.key certs/",
                named: "mv certs/ca.key certs/ca.key.old # then put it back from your copy of certs/"),
            Damage(
                "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out certs/ca.key", "certs/ca.key",
                "cp -p ../copy/certs/ca.key certs/", named: "put it back from your copy of certs/"),
            Damage("rm certs/server.pem", "certs/server.pem", "provision init"),
            Damage(": > certs/server.pem", "certs/server.pem", "provision renew --server"),
            Damage(
                "openssl x509 -in certs/server.pem -out x; cat x > certs/server.pem; rm x", "certs/server.pem",
                "provision renew --server"),
            Damage(
                "rm certs/server.pem; mkdir -m 700 certs/server.pem", "certs/server.pem",
                "rm -r certs/server.pem && provision renew --server"),
            Damage(
                "rm certs/server.pem; mkfifo -m 600 certs/server.pem", "certs/server.pem",
                "rm -r certs/server.pem && provision renew --server"),
            Damage(
                "rm certs/server.pem; ln -s nowhere certs/server.pem", "certs/server.pem",
                "rm -r certs/server.pem && provision renew --server"),
            Damage(
                "truncate -s 1G certs/server.pem", "certs/server.pem",
                "rm -r certs/server.pem && provision renew --server"),
            Damage("cp pis/north/pi.pem certs/server.pem", "certs/server.pem", "provision renew --server"),
            Damage("rm certs/.lock; mkfifo certs/.lock", "certs/.lock", "rm -r certs/.lock"),
            Damage("rm certs/.lock; mkdir certs/.lock", "certs/.lock", "rm -r certs/.lock"),
            Damage("rm certs/.lock; ln -s nowhere certs/.lock", "certs/.lock", "rm -r certs/.lock"),
            Damage(
                "mv certs ../certs; echo x > certs", "certs", "mv certs certs.old && mv ../certs .",
                named: "mv certs certs.old # then put it back from your copy"),
            Damage("chmod 777 certs/receiver", "certs/receiver", "chmod go-w certs/receiver"),
            Damage(
                "touch certs/receiver/mine", "certs/receiver/mine", "rm -r certs/receiver/mine",
                named: "If there is none: rm -r certs/receiver/mine"),
            Damage("mkdir certs/.change.new", "certs/.change.new", "provision init"),
            Damage(
                "mkdir certs/.change; cp ../copy/certs/server.pem certs/.change/", "certs/.change", "provision init"),
        ])
    func certificates(damage: Damage) async throws { try await lab.expectMended(damage) }

    @Test(
        "of the receiver's certificate that is kept, also where the authority's key is not",
        arguments: [
            ("rm $copy", "provision init"), ("rm -r certs/receiver", "provision init"),
            ("cat pis/north/ca.pem > $copy", "provision init"), (": > $copy", "provision init"),
            ("rm $copy; mkdir $copy", "rm -r $copy && provision init"),
            ("rm -r certs/receiver; echo x > certs/receiver", "rm certs/receiver && provision init"),
            ("rm -r certs/receiver; ln -s nowhere certs/receiver", "rm certs/receiver && provision init"),
            ("rm -r certs/receiver; ln -s receiver certs/receiver", "rm certs/receiver && provision init"),
        ])
    func kept(command: String, mend: String) async throws {
        let copy =
            "certs/receiver/\(try #require(Certificate.all(inPEM: lab.outside.read("lab/certs/server.pem")).first).fingerprint.hex).pem"
        let damage = Damage(
            "mv certs/ca.key ../ca.key; " + command.replacing("$copy", with: copy), copy,
            mend.replacing("$copy", with: copy))
        #expect(try await lab.shell("cp -a . ../copy && \(damage.command)").exitCode == 0)
        let findings = try await lab.check()
        #expect(findings.map(\.path) == [copy] && findings.map(\.mend) == [damage.mend])
        #expect(try await lab.shell(damage.mend).exitCode == 0)
        #expect(try await lab.check().isEmpty)
    }

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
