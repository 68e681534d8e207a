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

    func shellSucceeds(_ command: String) async throws -> Bool { try await lab.shell(command).exitCode == 0 }
}
