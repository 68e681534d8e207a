import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// What must be right before anything is made.
extension SetUp {
    /// Refuses wishes that come too late instead of passing them over.
    func check(_ state: Deployment.AuthorityState) throws {
        try checkClock(state)
        if let missing = try hostsMissingInReceiver().first {
            throw CommandFailure(
                "--host \(missing) does not apply",
                reason: "the receiver's certificate \(deployment.receiver) exists already, without that name",
                hint: """
                    leave --host out: secure-sender needs none. For other clients: \
                    provision renew --server --host \(missing); the Pis need no change
                    """, exitCode: .usage)
        }
        if let wanted = wishes.trustDomain, case .present(let local) = state, local.authority.trustDomain != wanted {
            throw CommandFailure(
                "--trust-domain \(wanted) does not apply",
                reason: "this folder's authority is for \(local.authority.trustDomain)",
                hint: "leave --trust-domain out, or begin in another folder", exitCode: .usage)
        }
        try refuseLostIdentifiers()
    }

    /// An empty `ids.txt` would shut all Pis out.
    func refuseLostIdentifiers() throws {
        guard try fileStatus(deployment.identifiers) != nil || !hasIdentities() else {
            throw CommandFailure(
                "\(deployment.identifiers) is missing",
                reason: "but \(deployment.identities) holds Pis, which it must list",
                hint:
                    "put it back from your copy; to shut all of them out, make an empty one: install -m 600 /dev/null ids.txt",
                exitCode: .configuration)
        }
    }

    private func checkClock(_ state: Deployment.AuthorityState) throws {
        // Before this program existed: a clock that was never set.
        var earliest: Int64 = 1_704_067_200
        if case .present(let local) = state {
            let certificate = local.authority.certificate
            earliest = certificate.notBefore ?? earliest
            guard now < certificate.notAfter ?? .max else {
                throw CommandFailure(
                    "the certificate authority ended on \(endDate(certificate))",
                    hint: "if today is earlier, set this computer's clock; else make a new one: provision renew --ca",
                    exitCode: .configuration)
            }
        }
        guard now >= earliest else {
            throw CommandFailure(
                "this computer's clock says \(date(now))",
                reason: "that cannot be: certificates made now would not count",
                hint: "set the clock, for example: timedatectl set-ntp true", exitCode: .configuration)
        }
    }

    /// The wished names that a receiver's certificate made earlier does not carry.
    private func hostsMissingInReceiver() throws -> [HostName] {
        guard !wishes.hosts.isEmpty, try fileStatus(deployment.receiver) != nil else { return [] }
        let certificate = try Certificate.all(inPEM: readFile(deployment.receiver, limit: 1 << 20)).first
        return wishes.hosts.filter { host in
            switch host {
            case .name(let name): certificate?.carries(dnsName: name) != true
            case .address(let address): certificate?.carries(address: address) != true
            }
        }
    }

    private func hasIdentities() throws -> Bool {
        guard try fileStatus(deployment.identities) != nil else { return false }
        return try namesInFolder(deployment.identities).contains { PiName($0) != nil }
    }
}
